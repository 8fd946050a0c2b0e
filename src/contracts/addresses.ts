/** `host:port`, as settings and clients name it. */
import net from 'node:net';

/** Without the brackets of IPv6. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replaceAll(/[[\]]/g, '');
}

/** Whether nothing of what goes there leaves the machine. Of a name it is not known, but for `localhost`. */
export function isLoopback(address: string): boolean {
  const host = hostOf(address).toLowerCase();
  if (host === 'localhost' || host === '::1') return true;
  return net.isIPv4(host) && host.startsWith('127.');
}
