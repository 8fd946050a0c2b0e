export function ComparePage() {
  return (
    <div className="empty">
      <h1>Compare</h1>
      <p className="quiet">Nothing is here yet.</p>
    </div>
  );
}
