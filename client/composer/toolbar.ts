/**
 * The row of small buttons below the field: a toolbar with one stop for Tab, and arrows within.
 * Knows how tools look and how one moves among them; knows nothing of what they do.
 */
import { html, nothing, type TemplateResult } from 'lit'
import { isApplied, type EditName } from './edits.ts'
import { ICONS } from './icons.ts'
import { shortcut } from './keys.ts'
import type { Passage } from './passage.ts'
import type { Texts } from '../texts.ts'

const FORMATS: readonly EditName[] = ['bold', 'italic', 'underline', 'strike', 'code', 'codeBlock', 'link', 'list', 'quote']

export interface ToolbarState {
  readonly texts: Texts
  readonly passage: Passage
  /** Whether the formats are shown where there is little room. */
  readonly unfolded: boolean
  readonly emoji: boolean
  readonly previews: boolean
}

export interface ToolbarActions {
  edit(name: EditName): void
  unfold(): void
  emoji(): void
  preview(): void
}

/** A press leaves the cursor, the selection and a phone's keyboard where they are. */
export const keepFocus = (event: Event): void => event.preventDefault()

export function toolbarView(state: ToolbarState, actions: ToolbarActions): TemplateResult {
  const { formatting, emoji, preview } = state.texts.composer
  return html`<div class="tools" role="toolbar" part="toolbar" aria-label=${formatting} @keydown=${rove} @mousedown=${keepFocus}>
    <div class="formats ${state.unfolded ? 'unfolded' : ''}">${FORMATS.map((name) => formatView(name, state, actions))}</div>
    <button
      type="button"
      tabindex="-1"
      class="unfold"
      aria-label=${formatting}
      title=${formatting}
      aria-expanded=${state.unfolded}
      @click=${() => actions.unfold()}
    >
      <span aria-hidden="true">Aa</span>
    </button>
    <button
      type="button"
      tabindex="-1"
      data-tool="emoji"
      aria-label=${emoji}
      title=${emoji}
      aria-haspopup="dialog"
      aria-expanded=${state.emoji}
      @click=${() => actions.emoji()}
    >
      ${ICONS.emoji}
    </button>
    <button
      type="button"
      tabindex="-1"
      data-tool="preview"
      aria-label=${preview}
      title=${preview}
      aria-pressed=${state.previews}
      @click=${() => actions.preview()}
    >
      ${ICONS.preview}
    </button>
  </div>`
}

function formatView(name: EditName, { texts, passage }: ToolbarState, actions: ToolbarActions): TemplateResult {
  const { aria, shown } = shortcut(name)
  const label = texts.composer[name]
  return html`<button
    type="button"
    tabindex="-1"
    data-tool=${name}
    aria-label=${label}
    title=${`${label} (${shown})`}
    aria-keyshortcuts=${aria}
    aria-pressed=${name === 'link' ? nothing : isApplied(name, passage)}
    @click=${() => actions.edit(name)}
  >
    ${ICONS[name]}
  </button>`
}

const STEPS: Record<string, (at: number, last: number) => number> = {
  ArrowRight: (at, last) => (at === last ? 0 : at + 1),
  ArrowLeft: (at, last) => (at === 0 ? last : at - 1),
  Home: () => 0,
  End: (_at, last) => last,
}

/** Arrows move among the tools that are to be seen, and Tab comes back to where they left. */
function rove(event: KeyboardEvent): void {
  const toolbar = event.currentTarget as HTMLElement
  const tools = toolsIn(toolbar)
  const at = tools.indexOf(event.target as HTMLElement)
  const to = STEPS[event.key]?.(at, tools.length - 1)
  if (to === undefined || at === -1) return
  event.preventDefault()
  tools[to]?.focus()
  stopAt(toolbar, tools[to])
}

/** Sees to it that Tab finds one tool, also after the one it stopped at was folded away. */
export function tabStop(root: ParentNode): void {
  const toolbar = root.querySelector<HTMLElement>('[role=toolbar]')
  const tools = toolbar ? toolsIn(toolbar) : []
  if (toolbar && !tools.some((tool) => tool.tabIndex === 0)) stopAt(toolbar, tools[0])
}

function stopAt(toolbar: HTMLElement, stop: HTMLElement | undefined): void {
  for (const tool of toolbar.querySelectorAll('button')) tool.tabIndex = tool === stop ? 0 : -1
}

function toolsIn(toolbar: HTMLElement): HTMLElement[] {
  return [...toolbar.querySelectorAll('button')].filter((tool) => tool.checkVisibility())
}
