import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { Board } from "./board";
import { List } from "./list";
import type { Place, Site } from "./places";
import { shows, written } from "./route";
import { person, signIn, signOut } from "./sign-in";

/** `refused`: why signing in did not work. */
export function App({ site, refused }: { site: Site; refused: string }): JSX.Element {
  const { places } = site;
  const find = (name: string) => places.find((one) => one.name === name);
  const side = shows.value.side?.map(find);
  const [one, other] = side ?? [];
  const mustSignIn = site.signIn && !person.value;
  return (
    <div class={one && other ? "page two" : "page"}>
      <header class="top">
        <h1>todos</h1>
        {!mustSignIn && <Choice places={places} />}
        {person.value && (
          <p class="person">{person.value} <button class="link" onClick={signOut}>Sign out</button></p>
        )}
      </header>
      {mustSignIn ? <Welcome refused={refused} /> : one && other ? <TwoBoards key={`${one.name} ${other.name}`} one={one} other={other} /> : <OneBoard key={shows.value.at} place={find(shows.value.at) ?? (places[0] as Place)} />}
      <footer class="info">
        <p>Double-click a todo to edit it. Each region has all todos; what one writes is in the others a moment later.</p>
      </footer>
    </div>
  );
}

function Welcome({ refused }: { refused: string }): JSX.Element {
  const failed = useSignal(refused);
  const go = () => {
    signIn().catch((error: unknown) => { failed.value = error instanceof Error ? error.message : String(error); });
  };
  return (
    <main class="board welcome">
      <p>Your todos are yours alone: sign in to see them.</p>
      {failed.value && <p class="bad" role="alert">{failed.value}</p>}
      <button class="main" onClick={go}>Sign in</button>
    </main>
  );
}

/** Which address is asked, or which two. */
function Choice({ places }: { places: readonly Place[] }): JSX.Element | null {
  if (places.length < 2) return null;
  const regions = places.filter((place) => place.name);
  const { side, at } = shows.value;
  const set = (more: Partial<typeof shows.value>) => { location.hash = written({ ...shows.value, ...more }); };
  return (
    <div class="choice">
      {!side && (
        <label>
          <span>API at</span>
          <select value={at} onChange={(event) => set({ at: event.currentTarget.value })}>
            {places.map((place) => <option key={place.name} value={place.name}>{place.label}</option>)}
          </select>
        </label>
      )}
      {regions.length > 1 && (
        <button aria-pressed={Boolean(side)} onClick={() => set({ side: side ? null : [regions[0]?.name ?? "", regions[1]?.name ?? ""] })}>
          Side by side
        </button>
      )}
      {side && regions.length > 2 && side.map((name, number) => (
        <select key={number} aria-label={number ? "Right" : "Left"} value={name} onChange={(event) => {
          const next: [string, string] = [...side];
          next[number] = event.currentTarget.value;
          set({ side: next });
        }}>
          {regions.map((place) => <option key={place.name} value={place.name}>{place.label}</option>)}
        </select>
      ))}
    </div>
  );
}

function useBoard(place: Place): Board {
  const board = useMemo(() => new Board(place), [place.url]);
  useEffect(() => () => board.close(), [board]);
  return board;
}

function OneBoard({ place }: { place: Place }): JSX.Element {
  const board = useBoard(place);
  return <main><List board={board} name={place.name ? place.label : ""} isFirst /></main>;
}

/** What is done at one is looked for at the other. */
function TwoBoards({ one, other }: { one: Place; other: Place }): JSX.Element {
  const left = useBoard(one);
  const right = useBoard(other);
  useEffect(() => {
    left.onAcked = (what) => right.expect(what);
    right.onAcked = (what) => left.expect(what);
  }, [left, right]);
  return (
    <main class="sides">
      <List board={left} name={one.label} isFirst />
      <List board={right} name={other.label} />
    </main>
  );
}
