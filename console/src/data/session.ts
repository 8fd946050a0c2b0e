/** Who is logged in: the exchange of the one-time link, and what is known of the session. */
import { createStore } from 'zustand/vanilla';
import { ApiError, ask, errorText } from './api.ts';

export type Session = {
  state: 'starting' | 'in' | 'out';
  role: 'viewer' | 'operator';
  /** Why there is none, for people. */
  why: string;
};

const csrfKey = 'runyard.csrf';
const loginMark = '#login=';

export const sessionStore = createStore<Session>(() => ({
  state: 'starting',
  role: 'viewer',
  why: '',
}));

/** What goes with each change. The daemon tells it once, and the newest session is that of all tabs. */
export function csrfNow(): string {
  return localStorage.getItem(csrfKey) ?? '';
}

/** Somebody logged in with another tab: this one goes on with that session. */
export function followOtherTabs(): void {
  window.addEventListener('storage', ({ key, newValue }) => {
    if (key === csrfKey && newValue !== null && sessionStore.getState().state === 'out')
      location.reload();
  });
}

/** Exchanges what the address carries, or asks who is logged in. Never throws. */
export async function startSession(): Promise<void> {
  const { hash, pathname, search } = location;
  try {
    if (hash.startsWith(loginMark)) {
      // Out of the address and of the history before anything else.
      history.replaceState(null, '', pathname + search);
      const made = await ask('POST /api/session', { body: { link: hash.slice(loginMark.length) } });
      localStorage.setItem(csrfKey, made.csrf);
      sessionStore.setState({ state: 'in', role: made.role });
      return;
    }
    await lookUp();
  } catch (error) {
    // A link that was used, in a browser that is logged in, is no reason to turn it away.
    const isIn =
      hash.startsWith(loginMark) &&
      (await lookUp().then(
        () => true,
        () => false,
      ));
    if (isIn) return;
    // Who comes without a link is told where to get one, in the page.
    const isPlain =
      error instanceof ApiError && error.status === 401 && !hash.startsWith(loginMark);
    sessionStore.setState({ state: 'out', why: isPlain ? nobody : errorText(error) });
  }
}

async function lookUp(): Promise<void> {
  const { role } = await ask('GET /api/session');
  sessionStore.setState({ state: 'in', role });
}

const nobody = 'Nobody is logged in here, or the session is over.';

/** Ends the session, of all tabs. Throws ApiError. */
export async function logOut(): Promise<void> {
  await ask('DELETE /api/session');
  localStorage.removeItem(csrfKey);
  sessionStore.setState({ state: 'out', why: 'You are logged out.' });
}

export function sessionGone(): void {
  if (sessionStore.getState().state === 'out') return;
  sessionStore.setState({ state: 'out', why: nobody });
}
