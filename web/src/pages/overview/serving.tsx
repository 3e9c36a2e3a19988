// Who gets the requests, in short.

import { type JSX } from "preact";
import type { BalancerNow } from "../../api/dashboard";
import { to } from "../../router";
import { admittedWords, policyWords, servingWords } from "../../site/words";
import { Badge } from "../../ui/parts";
import { count, rate } from "../../ui/words";

export function Serving({ balancer }: { balancer: BalancerNow }): JSX.Element {
  return (
    <section class="card" aria-labelledby="overview-balancer">
      <h2 id="overview-balancer">Balancer</h2>
      {balancer.answers
        ? <p><strong>{servingWords(balancer.regions)}</strong></p>
        : <p class="bad-note" role="alert">The balancer does not answer{balancer.url && <> at {balancer.url}</>}.</p>}
      <ul class="overview-admitted">
        {Object.entries(balancer.regions).map(([name, one]) => (
          <li key={name} class="row">
            <span class="grow">{name}</span>
            <span class="soft small nums">{rate(one.requests_s)}/s, {count(one.requests)} under way</span>
            <Badge tone={admittedWords(one.state).tone}>{one.state}</Badge>
          </li>
        ))}
      </ul>
      <p class="soft small">{policyWords(balancer.policy)}</p>
      <p class="small"><a href={to(["balancer"])}>Weights, drain and health</a></p>
    </section>
  );
}
