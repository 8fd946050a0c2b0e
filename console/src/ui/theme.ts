/** Light or dark: the system's, unless somebody chose. `public/theme.js` applies it before the first paint. */
import { createStore } from 'zustand/vanilla';

export type Theme = 'system' | 'light' | 'dark';
const key = 'runyard.theme';

export const themeStore = createStore<{ theme: Theme }>(() => ({
  theme: (localStorage.getItem(key) as Theme | null) ?? 'system',
}));

const order: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' };

export function nextTheme(): void {
  const theme = order[themeStore.getState().theme];
  if (theme === 'system') {
    localStorage.removeItem(key);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(key, theme);
    document.documentElement.dataset.theme = theme;
  }
  themeStore.setState({ theme });
}
