export function YardPage() {
  return (
    <div className="empty">
      <h1>Yard</h1>
      <p className="quiet">Nothing is here yet.</p>
    </div>
  );
}
