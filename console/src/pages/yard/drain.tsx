/** Giving nothing more out, and giving out again. */
import { useState } from 'react';
import { ask, errorText } from '../../data/api.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { note } from '../../ui/notes.tsx';

/** `target`: the UUID of a GPU; empty for the yard. */
export type Drained = { target: string; label: string };

export async function giveOut({ target, label }: Drained): Promise<void> {
  await set(target, false, '', `${label} gives out again`);
}

async function set(target: string, on: boolean, reason: string, done: string): Promise<void> {
  try {
    const { live_runs: live } = await ask('POST /api/drain', { body: { target, on, reason } });
    note(on && live > 0 ? `${done}; ${live} ${live === 1 ? 'run goes' : 'runs go'} on` : done);
  } catch (error) {
    note(errorText(error), true);
  }
}

export function DrainDialog({ target, onClose }: { target: Drained | null; onClose(): void }) {
  const [reason, setReason] = useState('');
  const label = target?.label ?? '';
  return (
    <Dialog open={target !== null} onClose={onClose} title={`Drain ${label}?`}>
      <form
        style={{ display: 'grid', gap: 12 }}
        onSubmit={(event) => {
          event.preventDefault();
          void set(target?.target ?? '', true, reason, `nothing new starts: ${label}`);
          setReason('');
          onClose();
        }}
      >
        <p className="quiet">
          Nothing new starts there until somebody resumes it. What runs goes on.
        </p>
        <label>
          Why, for those who wait
          <input
            className="field"
            value={reason}
            placeholder="new fans; maintenance at six …"
            onChange={(event) => setReason(event.target.value)}
          />
        </label>
        <div className="row">
          <button type="button" className="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" className="button main">
            Drain
          </button>
        </div>
      </form>
    </Dialog>
  );
}
