import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { useStore } from 'zustand';
import { followOtherTabs, sessionStore, startSession } from './data/session.ts';
import { startYard } from './data/yard.ts';
import { listenForKeys } from './keys/keys.ts';
import { LoggedOut } from './logged-out.tsx';
import { Shell } from './shell.tsx';
import './style/tokens.css';
import './style/base.css';
import './style/parts.css';
import './style/shell.css';

function App() {
  const { state, why } = useStore(sessionStore);
  if (state === 'starting') return null;
  return state === 'in' ? <Shell /> : <LoggedOut why={why} />;
}

const place = document.getElementById('root');
if (place === null) throw new Error('the page has no root');
await startSession();
if (sessionStore.getState().state === 'in') startYard();
listenForKeys();
followOtherTabs();
// A link opened in a tab that is open already changes the part behind the hash alone.
window.addEventListener('hashchange', () => {
  if (location.hash.startsWith('#login=')) location.reload();
});
createRoot(place).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
