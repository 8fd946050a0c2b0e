/** Short words at the edge of the page: what was done, or why not. */
import { useStore } from 'zustand';
import { createStore } from 'zustand/vanilla';

type Note = { id: number; text: string; isBad: boolean };

const notesStore = createStore<{ notes: readonly Note[] }>(() => ({ notes: [] }));
const shownMs = { good: 4000, bad: 15_000 };
let counted = 0;

export function note(text: string, isBad = false): void {
  counted += 1;
  const id = counted;
  notesStore.setState(({ notes }) => ({ notes: [...notes.slice(-3), { id, text, isBad }] }));
  setTimeout(() => forget(id), isBad ? shownMs.bad : shownMs.good);
}

function forget(id: number): void {
  notesStore.setState(({ notes }) => ({ notes: notes.filter((each) => each.id !== id) }));
}

export function Notes() {
  const { notes } = useStore(notesStore);
  return (
    <div className="notes" role="status" aria-live="polite">
      {notes.map(({ id, text, isBad }) => (
        <div key={id} className="note">
          {isBad ? (
            <span className="state" data-status="failed" aria-hidden="true">
              ✗
            </span>
          ) : null}
          <span className="push">{text}</span>
          <button type="button" className="id" aria-label="close" onClick={() => forget(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
