// A provider's mark: the same on every row, page and visit, found from its name alone. The eight
// hues are told apart with any common colour blindness (after Okabe and Ito); two providers that
// share one mostly differ in shape, and the name always stands beside the mark.
export const hueCount = 8;
export const shapes = ['square', 'circle', 'diamond', 'triangle'] as const;
export type Shape = (typeof shapes)[number];

// The two that most installations have own their hues.
const wellKnown: Record<string, number> = { openai: 0, anthropic: 1 };

export function hueOf(provider: string): number {
  const name = provider.toLowerCase();
  const known = wellKnown[name];
  return known ?? 2 + (hashOf(name) % (hueCount - 2));
}

export function shapeOf(provider: string): Shape {
  const name = provider.toLowerCase();
  if (name in wellKnown) return 'square';
  return shapes[(hashOf(name) >>> 16) % shapes.length] ?? 'square';
}

// FNV-1a, with its high bits folded down.
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 0;
}
