import { useState } from 'react';
import type { RunSummary } from '../data/types.ts';
import { Dialog } from '../ui/dialog.tsx';
import { askRuns } from './acts.ts';

/** Asks why, and stops the runs. */
export function StopDialog({ runs, onClose }: { runs: readonly RunSummary[]; onClose(): void }) {
  const [reason, setReason] = useState('');
  const [now, setNow] = useState(false);
  const [only] = runs;
  const what = runs.length === 1 ? only?.name || only?.run_id || '' : `${runs.length} runs`;
  const stop = (): void => {
    void askRuns('stop', runs, { reason, now });
    onClose();
  };
  return (
    <Dialog open={runs.length > 0} onClose={onClose} title={`Stop ${what}?`}>
      <form
        style={{ display: 'grid', gap: 12 }}
        onSubmit={(event) => {
          event.preventDefault();
          stop();
        }}
      >
        <label>
          Why, for whoever looks later
          <input
            className="field"
            value={reason}
            placeholder="diverged; wrong seed; room for somebody else …"
            onChange={(event) => setReason(event.target.value)}
          />
        </label>
        <label className="row" style={{ justifyContent: 'flex-start', display: 'flex' }}>
          <input type="checkbox" checked={now} onChange={(event) => setNow(event.target.checked)} />
          at once, without the grace period
        </label>
        <div className="row">
          <button type="button" className="button" onClick={onClose}>
            Let it run
          </button>
          <button type="submit" className="button main">
            Stop
          </button>
        </div>
      </form>
    </Dialog>
  );
}
