/** Nobody is logged in: how to get in. */
export function LoggedOut({ why }: { why: string }) {
  return (
    <main className="empty">
      <h1>Runyard</h1>
      <p>{why}</p>
      <p>On the machine of the daemon, this prints a link that opens this page, once:</p>
      <pre>runyard console</pre>
      <p className="quiet">
        To look only: <code>runyard console --viewer</code>. After opening the link this page goes
        on where you are.
      </p>
    </main>
  );
}
