/** The toolbar of the composer. As ARIA says of toolbars, Tab stops at one of its buttons only, and the arrow keys go to the others. */
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
  readonly isUnfolded: boolean
  readonly hasEmoji: boolean
  readonly hasPreview: boolean
}

export interface ToolbarActions {
  edit(name: EditName): void
  unfold(): void
  emoji(): void
  preview(): void
}

/** For `mousedown`: the focus stays in the field, with its selection and a phone's keyboard. */
export const keepFocus = (event: Event): void => event.preventDefault()

export function toolbarView(state: ToolbarState, actions: ToolbarActions): TemplateResult {
  const { formatting, emoji, preview } = state.texts.composer
  return html`<div class="tools" role="toolbar" part="toolbar" aria-label=${formatting} @keydown=${onKeydown} @mousedown=${keepFocus}>
    <div class="formats ${state.isUnfolded ? 'unfolded' : ''}">${FORMATS.map((name) => formatView(name, state, actions))}</div>
    <button
      type="button"
      tabindex="-1"
      class="unfold"
      aria-label=${formatting}
      title=${formatting}
      aria-expanded=${state.isUnfolded}
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
      aria-expanded=${state.hasEmoji}
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
      aria-pressed=${state.hasPreview}
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

/** Moves the focus among the visible buttons. Tab will come back to the last one. */
function onKeydown(event: KeyboardEvent): void {
  const toolbar = event.currentTarget as HTMLElement
  const tools = toolsIn(toolbar)
  const at = tools.indexOf(event.target as HTMLElement)
  const to = STEPS[event.key]?.(at, tools.length - 1)
  if (to === undefined || at === -1) return
  event.preventDefault()
  tools[to]?.focus()
  setTabStop(toolbar, tools[to])
}

/** Makes sure that Tab stops at a visible button, also after the previous one was hidden. */
export function ensureTabStop(root: ParentNode): void {
  const toolbar = root.querySelector<HTMLElement>('[role=toolbar]')
  const tools = toolbar ? toolsIn(toolbar) : []
  if (toolbar && !tools.some((tool) => tool.tabIndex === 0)) setTabStop(toolbar, tools[0])
}

function setTabStop(toolbar: HTMLElement, stop: HTMLElement | undefined): void {
  for (const tool of toolbar.querySelectorAll('button')) tool.tabIndex = tool === stop ? 0 : -1
}

function toolsIn(toolbar: HTMLElement): HTMLElement[] {
  return [...toolbar.querySelectorAll('button')].filter((tool) => tool.checkVisibility())
}
