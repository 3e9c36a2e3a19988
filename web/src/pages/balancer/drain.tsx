// Asks before a region is taken out, and tells what that means.

import { type JSX } from "preact";
import { drain, type BalancerNow } from "../../api/dashboard";
import { Dialog, FormDialog } from "../../ui/dialog";
import { Copy } from "../../ui/parts";
import { tell } from "../../ui/toast";
import { command, drainWords } from "./shares";

export interface Asked {
  region: string;
  drained: boolean;
}

export function DrainDialog({ balancer, asked, onClose }: { balancer: BalancerNow; asked: Asked; onClose: () => void }): JSX.Element {
  const { region, drained } = asked;
  const title = drained ? `Drain ${region}?` : `Let ${region} in again?`;
  const what = drained ? <Drained balancer={balancer} region={region} /> : <p>{region} gets requests again as soon as it is ready, as the policy has it.</p>;
  if (!balancer.here) {
    const text = command(region, drained);
    return (
      <Dialog title={title} onClose={onClose}>
        <div class="body">
          {what}
          <p>The balancer runs on another machine. Run there:</p>
          <p class="row balancer-command"><code>{text}</code> <Copy text={text} /></p>
        </div>
      </Dialog>
    );
  }
  const act = async () => {
    await drain(region, drained);
    tell(drained ? `${region} gets no new requests` : `${region} is let in again`);
  };
  return <FormDialog title={title} done={drained ? "Drain" : "Let in"} tone={drained ? "bad" : "main"} onClose={onClose} act={act}>{what}</FormDialog>;
}

function Drained({ balancer, region }: { balancer: BalancerNow; region: string }): JSX.Element {
  const { text, alone } = drainWords(balancer, region);
  return (
    <>
      <p class={alone ? "bad-note" : ""} role={alone ? "alert" : undefined}>{text}</p>
      <p class="soft">It stays out, also over restarts, until it is let in again. Its data goes on being copied.</p>
    </>
  );
}
