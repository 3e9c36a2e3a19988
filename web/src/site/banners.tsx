// What is wrong, at the top of a page, in words.

import { type JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { RegionNow } from "../api/dashboard";
import { config } from "../config";
import { Icon } from "../ui/icon";
import { clock } from "../ui/words";
import type { Site } from "./feed";
import "./site.css";
import { downWords, titleOf } from "./words";

/** While a region is down it is the reason for nearly all else that is wrong, so only it is told. */
const WRONG_MAX = 3;

/** The banners of a page, and its window's title. */
export function Banners({ site, page }: { site: Site; page: string }): JSX.Element {
  const now = site.now.value;
  const silent = site.silent.value;
  const title = titleOf(page, config().region, now, silent !== null);
  useEffect(() => { document.title = title; }, [title]);
  const wrong = now?.wrong ?? [];
  const down = now?.regions.filter((one) => one.state === "down") ?? [];
  return (
    <div role="alert" class="site-banners">
      {silent !== null && <Silent since={silent} regions={now?.regions ?? []} />}
      {silent === null && down.map((one) => (
        <p key={one.name} class="site-banner"><Icon name="warn" /> <span><strong>{downWords(one)}</strong></span></p>
      ))}
      {silent === null && !down.length && wrong.length > 0 && (
        <div class="site-banner warn">
          <Icon name="warn" />
          <ul>
            {wrong.slice(0, WRONG_MAX).map((one) => <li key={one}>{one}</li>)}
            {wrong.length > WRONG_MAX && <li>and {wrong.length - WRONG_MAX} more</li>}
          </ul>
        </div>
      )}
    </div>
  );
}

function Silent({ since, regions }: { since: number; regions: readonly RegionNow[] }): JSX.Element {
  const { region, others } = config();
  const elsewhere = others.filter((one) => one.url && one.name !== region);
  const here = regions.find((one) => one.name === region);
  return (
    <p class="site-banner">
      <Icon name="warn" />
      <span>
        <strong>The dashboard of {region || "this region"} does not answer since {clock(since)}: {here?.state === "down" ? "the region is down" : `${region || "it"} may be down`}.</strong>{" "}
        What is below is as it was then. It is asked again and again.
      </span>
      {elsewhere.length > 0 && (
        <span class="site-others">
          {elsewhere.map((one) => <a key={one.name} class="button" href={`${one.url.replace(/\/$/, "")}/${location.hash}`}>Dashboard of {one.name}</a>)}
        </span>
      )}
    </p>
  );
}
