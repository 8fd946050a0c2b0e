import { useStore } from 'zustand';
import { Dialog } from '../ui/dialog.tsx';
import { keysStore } from './keys.ts';

const shown: Readonly<Record<string, string>> = {
  Enter: '↵',
  Escape: 'esc',
  ArrowLeft: '←',
  ArrowRight: '→',
};

/** `?`: all keys of this page. */
export function KeysOverlay() {
  const { layers, open } = useStore(keysStore);
  return (
    <Dialog open={open} onClose={() => keysStore.setState({ open: false })} title="Keys" wide>
      <dl className="keys-list">
        {layers.flat().map(({ keys, label }) => [
          <dt key={keys}>
            {keys.split(' ').map((key) => (
              <kbd key={key}>{shown[key] ?? key}</kbd>
            ))}
          </dt>,
          <dd key={`${keys} does`}>{label}</dd>,
        ])}
      </dl>
    </Dialog>
  );
}
