/** The daemon itself: where its own chart is, and what it stands on. */
import { type ReactNode, useMemo } from 'react';
import { bytesText, duration } from '../../../../src/units.ts';
import { Chart } from '../../chart/chart.tsx';
import type { DaemonStatus } from '../../data/types.ts';
import { Ago, exact, Span } from '../../ui/marks.tsx';

const looks: Readonly<Record<string, string>> = {
  'serving.ok': 'running',
  'serving.degraded': 'failed',
  closing: 'stopping',
};

export function DaemonChart({ state }: { state: string }) {
  const lit = useMemo(() => ({ active: state, status: looks[state] ?? 'allocating' }), [state]);
  return (
    <section className="daemon-chart" aria-label="chart of the daemon">
      <Chart name="daemon" label={`chart of the daemon: ${state}`} lit={lit} />
    </section>
  );
}

export function DaemonFacts({ health }: { health: DaemonStatus }) {
  const { recovery } = health;
  return (
    <dl className="yard-facts">
      <Fact name="daemon">
        {health.version}, pid {health.pid}, up <Span from={health.started_at} to="" />
      </Fact>
      <Fact name="state">{health.home}</Fact>
      <Fact name="disk">{bytesText(health.disk_free_bytes)} free</Fact>
      <Fact name="registry">
        WAL {bytesText(health.wal_bytes)}, commit p99 {duration(health.commit_ms_p99)}
      </Fact>
      <Fact name="checkpoint">
        {health.last_checkpoint === '' ? 'none so far' : <Ago at={health.last_checkpoint} />}
      </Fact>
      <Fact name="bus">
        {health.bus_connected ? 'connected' : 'away'}
        {health.bus_external ? ', not our own' : ''}, {health.bus_url}
      </Fact>
      <Fact name="outbox">{health.outbox_depth} waiting for the bus</Fact>
      <Fact name="workers">{health.workers_idle} ready for the next start</Fact>
      <Fact name="API">
        {health.socket}
        {health.tcp === '' ? '' : `, ${health.tcp}`}
      </Fact>
      <Fact name="a stop ends">
        {health.kill_scope}
        {health.kill_scope_why === '' ? null : <div className="quiet">{health.kill_scope_why}</div>}
      </Fact>
      {recovery === null ? null : (
        <Fact name="last start">
          <span title={exact(recovery.at)}>{recovery.text}</span>
          {recovery.registry_kept === '' ? null : (
            <div>the registry before it: {recovery.registry_kept}</div>
          )}
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
