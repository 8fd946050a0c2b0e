/** The tokens of a state directory: one for everything, one for the figures alone. Only digests are compared. */
import crypto from 'node:crypto';
import type { Role } from '../../gate.ts';
import type { Home } from '../../persistence/index.ts';
import { loadToken, makeToken } from '../endpoint.ts';

export type Tokens = {
  /** Whose token an `authorization` of gRPC or HTTP is; null: none of ours. */
  roleOf(authorization: string): Extract<Role, 'operator' | 'scraper'> | null;
  /** Makes a new one; the one before is nobody's from then on. Throws as `writeAtomic` does, and then changes nothing. */
  rotate(role: 'operator' | 'scraper'): void;
};

export function openTokens(home: Pick<Home, 'tokenFile' | 'scrapeTokenFile'>): Tokens {
  const files = { operator: home.tokenFile, scraper: home.scrapeTokenFile };
  const expected = {
    operator: digest(`Bearer ${loadToken(files.operator)}`),
    scraper: digest(`Bearer ${loadToken(files.scraper)}`),
  };
  return {
    roleOf(authorization) {
      const shown = digest(authorization);
      if (crypto.timingSafeEqual(shown, expected.operator)) return 'operator';
      return crypto.timingSafeEqual(shown, expected.scraper) ? 'scraper' : null;
    },
    rotate(role) {
      // In the file first: a daemon that dies in between knows the new one when it is back.
      expected[role] = digest(`Bearer ${makeToken(files[role])}`);
    },
  };
}

function digest(text: string): Buffer {
  return crypto.createHash('sha256').update(text).digest();
}
