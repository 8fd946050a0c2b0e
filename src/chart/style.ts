/** Measures of a chart, in pixels: what is laid out and what is drawn must agree on them. */
export const style = {
  /** Of a font's size; of the widest of the usual ones, so that no text leaves its box. */
  charWidth: 0.57,
  boldWider: 1.15,
  nameSize: 13,
  nameLine: 17,
  smallSize: 10.5,
  smallLine: 14,
  padX: 12,
  padY: 7,
  dot: 9,
  corner: 7,
} as const;
