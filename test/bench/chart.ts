/** Line charts as the text of an SVG image, one beside the other, both axes logarithmic. Readable on light and dark pages. Measures and writes nothing. */

export interface Line {
  readonly name: string
  /** A value above 0 for each x. */
  readonly ys: readonly number[]
}

export interface Chart {
  readonly title: string
  readonly xTitle: string
  readonly unit: string
  readonly xs: readonly number[]
  /** The same names in all charts of an image, three at most. */
  readonly lines: readonly Line[]
}

const WIDTH = 400
const HEIGHT = 290
const LEFT = 64
const RIGHT = 20
const TOP = 40
const BOTTOM = 52
const LEGEND = 34

/** Between the frame and the first and last point. */
const MARGIN = 14

/** The lines differ in their marks as well, for those who see no colours. Each mark is drawn around 0,0. */
const MARKS = ['<circle r="4"/>', '<rect x="-3.5" y="-3.5" width="7" height="7"/>', '<path d="M0-5 5 4H-5Z"/>']

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 13px }
  .grid { stroke: #d1d9e0 }
  .line { fill: none; stroke-width: 2 }
  .c0 { stroke: #0969da } .m0 { fill: #0969da }
  .c1 { stroke: #bc4c00 } .m1 { fill: #bc4c00 }
  .c2 { stroke: #59636e } .m2 { fill: #59636e }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .grid { stroke: #3d444d }
    .c0 { stroke: #4493f8 } .m0 { fill: #4493f8 }
    .c1 { stroke: #f0883e } .m1 { fill: #f0883e }
    .c2 { stroke: #9198a1 } .m2 { fill: #9198a1 }
  }
`

/** @returns the text of an SVG file */
export function chartSvg(charts: readonly Chart[]): string {
  const width = WIDTH * charts.length
  const names = charts[0]?.lines.map(({ name }) => name) ?? []
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT + LEGEND}" width="${width}" height="${HEIGHT + LEGEND}" role="img">
<title>${charts.map(({ title, xTitle }) => `${title} against ${xTitle}`).join('; ')}</title>
<style>${STYLE}</style>
${charts.map((chart, i) => `<g transform="translate(${i * WIDTH} 0)">\n${drawn(chart)}\n</g>`).join('\n')}
${names.map((name, i) => `<g transform="translate(${LEFT + i * 150} ${HEIGHT + 16})">${mark(i, '0 0')}<text x="10" y="4">${name}</text></g>`).join('\n')}
</svg>
`
}

function drawn({ title, xTitle, unit, xs, lines }: Chart): string {
  const right = WIDTH - RIGHT
  const bottom = HEIGHT - BOTTOM
  const grid = gridOf(lines.flatMap(({ ys }) => ys))
  const x = place(xs, LEFT + MARGIN, right - MARGIN)
  const y = place(grid, bottom, TOP)
  return [
    `<text class="title" x="${LEFT}" y="20">${title}</text>`,
    ...grid.map(
      (value) => `<path class="grid" d="M${LEFT} ${y(value)}H${right}"/>${label(`${number(value)} ${unit}`, LEFT - 6, y(value), 'end')}`,
    ),
    ...xs.map((value) => label(number(value), x(value), bottom + 14, 'middle')),
    label(xTitle, (LEFT + right) / 2, bottom + 34, 'middle'),
    ...lines.map(({ ys }, i) => drawnLine(i, xs.map(x), ys.map(y))),
  ].join('\n')
}

function drawnLine(i: number, xs: readonly number[], ys: readonly number[]): string {
  const points = xs.map((x, n) => `${x} ${ys[n]}`)
  return `<path class="line c${i}" d="M${points.join('L')}"/>${points.map((point) => mark(i, point)).join('')}`
}

function mark(i: number, point: string): string {
  return `<g class="m${i}" transform="translate(${point})">${MARKS[i] ?? ''}</g>`
}

function label(text: string, x: number, y: number, anchor: 'middle' | 'end'): string {
  return `<text x="${x}" y="${y}" dy=".35em" text-anchor="${anchor}">${text}</text>`
}

/** Where a value stands on an axis between two ends, the least and the greatest of some values; in tenths of a pixel. */
function place(values: readonly number[], from: number, to: number): (value: number) => number {
  const least = Math.min(...values)
  const range = Math.log(Math.max(...values) / least)
  return (value) => Math.round((from + ((to - from) * Math.log(value / least)) / range) * 10) / 10
}

/** The lines of a grid, from one at or below the least value to one above the greatest: 1, 2, 5, 10, 20, 50, … */
function gridOf(values: readonly number[]): number[] {
  const least = Math.min(...values)
  const greatest = Math.max(...values)
  const from = Math.floor(Math.log10(least))
  const to = Math.floor(Math.log10(greatest)) + 1
  const steps = Array.from({ length: to - from + 1 }, (_, i) => [1, 2, 5].map((step) => step * 10 ** (from + i))).flat()
  return steps.slice(
    steps.findLastIndex((step) => step <= least),
    steps.findIndex((step) => step > greatest) + 1,
  )
}

function number(value: number): string {
  return value.toLocaleString('en')
}
