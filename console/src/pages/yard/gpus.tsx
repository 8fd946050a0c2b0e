import { Link } from 'wouter';
import type { Gpu } from '../../data/types.ts';
import { useYard } from '../../data/yard.ts';
import { Id, Span, State } from '../../ui/marks.tsx';
import { type Drained, giveOut } from './drain.tsx';

/** Each GPU: who has which part of it, how full and busy it is, and why it is given to nobody. */
export function Gpus({ mayAct, onDrain }: { mayAct: boolean; onDrain(which: Drained): void }) {
  const gpus = useYard((state) => state.gpus);
  const free = gpus.filter(({ state }) => state === 'free').length;
  return (
    <section aria-label="GPUs">
      <h2>
        GPUs{' '}
        <span className="quiet">{gpus.length === 0 ? '' : `${free} of ${gpus.length} free`}</span>
      </h2>
      {gpus.length === 0 ? (
        <p className="quiet">
          None was found on this machine; runs share its CPU slots. <code>runyard doctor</code> says
          what was looked for.
        </p>
      ) : (
        gpus.map((gpu) => <Row key={gpu.id} gpu={gpu} mayAct={mayAct} onDrain={onDrain} />)
      )}
    </section>
  );
}

/** How a GPU is, by the status of a run that looks alike. */
const looks: Readonly<Record<string, string>> = {
  free: 'completed',
  held: 'running',
  shared: 'running',
  foreign: 'stopping',
  drained: 'cancelled',
  aside: 'failed',
  sick: 'failed',
};
const shut = new Set(['drained', 'aside']);

function Row(props: { gpu: Gpu; mayAct: boolean; onDrain(which: Drained): void }) {
  const { gpu, mayAct, onDrain } = props;
  const which = { target: gpu.id, label: `GPU ${gpu.index}` };
  const said = [gpu.text, gpu.foreign === '' ? '' : `others on it: ${gpu.foreign}`];
  return (
    <div className="gpu" role="group" aria-label={`GPU ${gpu.index}`}>
      <div className="who cut" title={gpu.id}>
        <strong>{gpu.index}</strong> <State status={looks[gpu.state] ?? ''} text={gpu.state} />
      </div>
      <Holders gpu={gpu} />
      <Meters gpu={gpu} />
      <div className="act">
        {!mayAct ? null : shut.has(gpu.state) ? (
          <button type="button" className="button" onClick={() => void giveOut(which)}>
            Resume
          </button>
        ) : (
          <button type="button" className="button" onClick={() => onDrain(which)}>
            Drain …
          </button>
        )}
      </div>
      <div className="quiet cut" title={`${gpu.vendor} ${gpu.name}`}>
        {gpu.name}
      </div>
      <div className="about">
        {said.filter((part) => part !== '').join('; ')} <Id id={gpu.id} length={12} />
        {gpu.part_of === '' ? null : <span className="quiet"> a slice of {gpu.part_of}</span>}
      </div>
    </div>
  );
}

function Holders({ gpu }: { gpu: Gpu }) {
  const runs = useYard((state) => state.runs);
  const taken = gpu.holders.reduce((sum, { share }) => sum + share, 0);
  return (
    <div className="holders">
      {gpu.holders.map(({ run_id: id, user, since, share, memory_mib: memory }) => {
        const part = share < 1 ? `${Number(share.toFixed(2))} ` : '';
        const room = memory > 0 && share < 1 ? `, ${gib(memory)}` : '';
        const name = runs.get(id)?.name || id;
        return (
          <Link
            key={id}
            href={`/run/${id}`}
            className="held"
            style={{ width: `${share * 100}%` }}
            title={`${name} (${id}) of ${user}, ${part === '' ? 'all of it' : `a share of ${part}`}${room}`}
          >
            {part}
            {name} · {user} · <Span from={since} to="" />
          </Link>
        );
      })}
      {taken >= 1 || !['drained', 'aside', 'sick', 'foreign'].includes(gpu.state) ? null : (
        <span className="shut">
          {gpu.state === 'foreign' ? 'used by others' : 'given to nobody'}
        </span>
      )}
    </div>
  );
}

function Meters({ gpu: { memory_mib: all, used_mib: used, utilization } }: { gpu: Gpu }) {
  return (
    <div className="meter">
      {all === 0 ? (
        <span className="quiet">memory not known</span>
      ) : (
        <span>
          {used < 0 ? gib(all) : `${gib(used)} of ${gib(all)}`}
          <i>
            <b style={{ width: `${used < 0 ? 0 : Math.min(100, (used / all) * 100)}%` }} />
          </i>
        </span>
      )}
      {utilization < 0 ? null : <span className="quiet">{utilization}% busy</span>}
    </div>
  );
}

function gib(mib: number): string {
  return `${Number((mib / 1024).toFixed(1))} GiB`;
}
