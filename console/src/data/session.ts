/** Who is logged in: the exchange of the one-time link, and what is known of the session. */
import { createStore } from 'zustand/vanilla';
import { ApiError, ask, errorText } from './api.ts';

export type Session = {
  state: 'starting' | 'in' | 'out';
  role: 'viewer' | 'operator';
  expiresAt: string;
  /** Kept in localStorage: the daemon tells it once. */
  csrf: string;
  /** Why there is none, for people. */
  why: string;
};

const csrfKey = 'runyard.csrf';
const loginMark = '#login=';

export const sessionStore = createStore<Session>(() => ({
  state: 'starting',
  role: 'viewer',
  expiresAt: '',
  csrf: localStorage.getItem(csrfKey) ?? '',
  why: '',
}));

/** Exchanges what the address carries, or asks who is logged in. Never throws. */
export async function startSession(): Promise<void> {
  const { hash, pathname, search } = location;
  try {
    if (hash.startsWith(loginMark)) {
      // Out of the address and of the history before anything else.
      history.replaceState(null, '', pathname + search);
      const made = await ask('POST /api/session', { body: { link: hash.slice(loginMark.length) } });
      localStorage.setItem(csrfKey, made.csrf);
      sessionStore.setState({
        state: 'in',
        role: made.role,
        expiresAt: made.expires_at,
        csrf: made.csrf,
      });
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
  const { role, expires_at: expiresAt } = await ask('GET /api/session');
  sessionStore.setState({ state: 'in', role, expiresAt });
}

const nobody = 'Nobody is logged in here, or the session is over.';

export function sessionGone(): void {
  if (sessionStore.getState().state === 'out') return;
  sessionStore.setState({ state: 'out', why: nobody });
}

export async function logOut(): Promise<void> {
  await ask('DELETE /api/session');
  localStorage.removeItem(csrfKey);
  sessionStore.setState({ state: 'out', why: 'You are logged out.', csrf: '' });
}
