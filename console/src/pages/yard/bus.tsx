/** The bus: what its streams hold and what they dropped, who reads them and how far behind. */
import { bytesText } from '../../../../src/units.ts';
import { ask } from '../../data/api.ts';
import type { BusStream, Reader, Subscriber } from '../../data/types.ts';
import { useAsked } from '../../data/use-asked.ts';
import { Ago, exact } from '../../ui/marks.tsx';

const againMs = 3000;

type Seen = { streams: BusStream[]; subscribers: Subscriber[]; readers: Reader[] };

/** Credentials are for operators to see. */
export function Bus({ mayAct }: { mayAct: boolean }) {
  const { found, error } = useAsked<Seen>(async (signal) => {
    const [{ streams }, { subscribers }, { readers }] = await Promise.all([
      ask('GET /api/bus/streams', { signal }),
      ask('GET /api/bus/subscribers', { signal }),
      // Of a bus that is not our own there are none.
      mayAct
        ? ask('GET /api/bus/readers', { signal }).catch(() => ({ readers: [] }))
        : { readers: [] },
    ]);
    return { streams, subscribers, readers };
  }, againMs);
  return (
    <>
      <section aria-label="streams">
        <h2>Streams</h2>
        {error === '' ? null : <p className="trouble">{error}</p>}
        {found === null ? (
          error === '' ? (
            <p className="quiet">loading …</p>
          ) : null
        ) : (
          <Streams streams={found.streams} />
        )}
      </section>
      {found === null ? null : (
        <section aria-label="subscribers">
          <h2>Subscribers</h2>
          <Subscribers subscribers={found.subscribers} />
          <Readers readers={found.readers} />
        </section>
      )}
    </>
  );
}

function Streams({ streams }: { streams: readonly BusStream[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">stream</th>
          <th scope="col" className="number">
            messages
          </th>
          <th scope="col" className="number">
            of runs
          </th>
          <th scope="col">size</th>
          <th scope="col" className="number">
            first – last
          </th>
          <th
            scope="col"
            className="number"
            title="dropped by a limit, or of runs that were removed"
          >
            gone
          </th>
          <th scope="col" className="number" title="messages of one run">
            most a run
          </th>
          <th scope="col">newest</th>
        </tr>
      </thead>
      <tbody>
        {streams.map((stream) => (
          <tr key={stream.name}>
            <td title={`${stream.holds}, epoch ${stream.epoch}`}>{stream.name}</td>
            <td className="number">{whole(stream.messages)}</td>
            <td className="number">{whole(stream.runs)}</td>
            <td className="meter">
              <span>
                {bytesText(stream.bytes)} of {bytesText(stream.max_bytes)}
                <i>
                  <b style={{ width: `${shareOf(stream)}%` }} />
                </i>
              </span>
            </td>
            <td className="number">
              {stream.last_seq === 0
                ? '–'
                : `${whole(stream.first_seq)} – ${whole(stream.last_seq)}`}
            </td>
            <td className="number">{stream.gone === 0 ? '–' : whole(stream.gone)}</td>
            <td className="number">{whole(stream.max_per_run)}</td>
            <td>
              <Ago at={stream.last_at} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Subscribers({ subscribers }: { subscribers: readonly Subscriber[] }) {
  // Others first, those that are far behind before all.
  const rows = subscribers.toSorted(
    (a, b) => Number(a.ours) - Number(b.ours) || b.lag - a.lag || (a.name < b.name ? -1 : 1),
  );
  if (rows.length === 0) return <p className="quiet">Nobody reads the bus now.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">name</th>
          <th scope="col">stream</th>
          <th scope="col">reads</th>
          <th scope="col" className="number" title="messages that it has still to get">
            behind
          </th>
          <th scope="col">given something</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ stream, name, subjects, ours, durable, lag, asking, active_at: active }) => (
          <tr key={`${stream} ${name}`}>
            <td className="mono" title={name}>
              {ours ? 'the daemon' : name.slice(0, 24)}
              {durable ? <span className="quiet"> durable</span> : null}
            </td>
            <td>{stream}</td>
            <td className="mono cut" title={subjects.join(' ')}>
              {subjects.join(' ') || 'all of it'}
            </td>
            <td className="number">
              {whole(lag)}
              {lag > 0 && asking === 0 ? (
                <span className="quiet" title="no request of it waits: its program is busy or gone">
                  {' '}
                  asks for nothing
                </span>
              ) : null}
            </td>
            <td>{active === '' ? <span className="quiet">never</span> : <Ago at={active} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Readers({ readers }: { readers: readonly Reader[] }) {
  if (readers.length === 0) return null;
  return (
    <p className="quiet">
      Who has a credential:{' '}
      {readers.map(({ name, runs, expires_at: until, created_at: made }, index) => (
        <span key={name} title={`made ${exact(made)}`}>
          {index === 0 ? '' : ', '}
          <span className="mono">{name}</span>
          {runs.length === 0 ? '' : ` (${runs.length === 1 ? runs[0] : `${runs.length} runs`})`}
          {until === '' ? '' : ` until ${exact(until).slice(0, 16)}`}
        </span>
      ))}
    </p>
  );
}

function shareOf({ bytes, max_bytes: most }: BusStream): number {
  return most === 0 ? 0 : Math.min(100, (bytes / most) * 100);
}

function whole(count: number): string {
  return count.toLocaleString('en');
}
