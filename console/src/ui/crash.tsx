import { Component, type ReactNode } from 'react';

/** A page that failed says so, and leaves the others alone. */
export class Crash extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };
  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }
  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <div className="empty">
        <h1>This page failed</h1>
        <p className="trouble">{error instanceof Error ? error.message : String(error)}</p>
        <button type="button" className="button" onClick={() => location.reload()}>
          Load again
        </button>
      </div>
    );
  }
}
