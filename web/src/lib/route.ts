// The page's address: "#/live?provider=openai&model=gpt*&kind=streaming". A view is a URL that
// reopens the same.
import { everything, type View } from './rows.ts';

const places = ['login', 'live', 'history', 'connect'] as const;
export type Place = (typeof places)[number];

export interface Route {
  place: Place;
  view: View;
}

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const place = places.find((each) => each === path) ?? 'live';
  const asked = new URLSearchParams(query);
  const kind = asked.get('kind');
  return {
    place,
    view: {
      provider: asked.get('provider') ?? '',
      model: asked.get('model') ?? '',
      kind: kind === 'streaming' || kind === 'plain' ? kind : '',
    },
  };
}

export function formatRoute(place: Place, view: View = everything): string {
  const query = new URLSearchParams();
  for (const key of ['provider', 'model', 'kind'] as const) if (view[key] !== '') query.set(key, view[key]);
  const text = query.toString();
  return `#/${place}${text === '' ? '' : `?${text}`}`;
}
