export function SubmitPage() {
  return (
    <div className="empty">
      <h1>Submit</h1>
      <p className="quiet">Nothing is here yet.</p>
    </div>
  );
}
