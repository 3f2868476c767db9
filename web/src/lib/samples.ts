// The lines that point an application here, with this page's own address in them.

export interface Sample {
  name: string;
  code: string;
}

export function samples(origin: string): Sample[] {
  return [
    { name: 'OpenAI · Python', code: `client = OpenAI(base_url="${origin}/v1")` },
    { name: 'OpenAI · Node', code: `const client = new OpenAI({ baseURL: '${origin}/v1' });` },
    { name: 'Anthropic · Python', code: `client = Anthropic(base_url="${origin}")` },
    { name: 'Anthropic · Node', code: `const client = new Anthropic({ baseURL: '${origin}' });` },
    {
      name: 'Environment',
      code: `export OPENAI_BASE_URL=${origin}/v1\nexport ANTHROPIC_BASE_URL=${origin}`,
    },
    { name: 'curl', code: curl(origin) },
  ];
}

export function curl(origin: string): string {
  return (
    `curl ${origin}/v1/chat/completions \\\n` +
    `  -H "Authorization: Bearer $OPENAI_API_KEY" \\\n` +
    `  -H "Content-Type: application/json" \\\n` +
    `  -d '{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hi"}]}'`
  );
}
