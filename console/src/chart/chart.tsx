import { useEffect, useRef, useState } from 'react';
import { errorText } from '../data/api.ts';
import './chart.css';
import { type ChartName, drawingOf, type Lit, light, statesOf } from './drawing.ts';

/** A state chart, lit. States are buttons where `onState` is given. */
export function Chart(props: {
  name: ChartName;
  label: string;
  lit: Lit;
  /** What a press of a state does; it is called as the state and what is said on it. */
  onState?: (state: string) => void;
  /** Called when another state was lit. */
  onLit?: () => void;
  /** What an arrow says when the pointer rests on it. */
  wayTitle?: (way: { from: string; to: string; events: readonly string[] }) => string;
}) {
  const { name, label, lit, onState, onLit, wayTitle } = props;
  const place = useRef<HTMLDivElement>(null);
  const [svg, setSvg] = useState<SVGSVGElement | null>(null);
  const [error, setError] = useState('');
  const press = useRef(onState);
  press.current = onState;

  useEffect(() => {
    let isOver = false;
    drawingOf(name).then(
      (drawn) => {
        if (isOver) return;
        place.current?.replaceChildren(drawn);
        setSvg(drawn);
      },
      (failure) => !isOver && setError(errorText(failure)),
    );
    return () => {
      isOver = true;
    };
  }, [name]);
  useEffect(() => svg?.setAttribute('aria-label', label), [svg, label]);
  useEffect(() => {
    if (svg !== null) light(svg, lit);
  }, [svg, lit]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is told of another state, not of each lighting
  useEffect(() => {
    if (svg !== null) onLit?.();
  }, [svg, lit.active, onLit]);
  const isPressable = onState !== undefined;
  useEffect(() => {
    if (svg === null || !isPressable) return;
    for (const state of statesOf(svg)) {
      state.setAttribute('role', 'button');
      state.setAttribute('tabindex', '0');
    }
  }, [svg, isPressable]);
  useEffect(() => {
    if (svg === null || wayTitle === undefined) return;
    for (const way of svg.querySelectorAll<SVGGElement>('.way[data-from]')) {
      const { from = '', to = '', events = '' } = way.dataset;
      const title =
        way.querySelector('title') ?? document.createElementNS(svg.namespaceURI ?? '', 'title');
      title.textContent = wayTitle({ from, to, events: events.split(' ') });
      way.append(title);
    }
  }, [svg, wayTitle]);

  const pressed = (target: EventTarget): boolean => {
    const state = (target as Element).closest<SVGGElement>('[data-state]')?.dataset.state;
    if (state === undefined || press.current === undefined) return false;
    press.current(state);
    return true;
  };
  if (error !== '') return <p className="trouble">The chart is not to be had: {error}</p>;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the buttons are the states within
    <div
      className={`chart-view ${onState === undefined ? '' : 'pressable'}`}
      ref={place}
      onClick={(event) => pressed(event.target)}
      onKeyDown={(event) => {
        const isPress = event.key === 'Enter' || event.key === ' ';
        if (isPress && pressed(event.target)) event.preventDefault();
      }}
    />
  );
}
