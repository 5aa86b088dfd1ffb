// The pages of the provider: one on which a person says who they are, or that they do not
// want to go on.

const TEXT = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const text = (value) => String(value).replace(/[&<>"]/g, (sign) => TEXT[sign]);

/** Answers the request if it is for one of these pages; returns `false` otherwise. */
export function interactions(provider, accounts, state, request, response) {
  const found = /^\/sign-in\/[\w-]+$/.exec(request.url);
  if (!found) return false;
  const answer = request.method === "POST" ? choose : show;
  answer(provider, accounts, state, request, response).catch((error) => {
    response.writeHead(400, { "Content-Type": "text/plain; charset=utf-8" });
    response.end(`${error.name}: ${error.message}`);
  });
  return true;
}

async function show(provider, accounts, state, request, response) {
  const { prompt } = await provider.interactionDetails(request, response);
  state.asked += 1;
  const buttons = accounts
    .all()
    .map(([sub, { name }]) => `<p><button name="account" value="${text(sub)}">Go on as ${text(name)}</button></p>`);
  response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" });
  response.end(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>School</title>
<link rel="icon" href="data:,">
</head>
<body>
<main>
<h1>School</h1>
<p>The exam simulator wants to know who you are. Reason: ${text(prompt.reasons.join(", "))}</p>
<form method="post">
${buttons.join("\n")}
<p><button name="account" value="">Cancel</button></p>
</form>
</main>
</body>
</html>
`);
}

async function choose(provider, accounts, state, request, response) {
  let body = "";
  for await (const piece of request) body += piece;
  const account = new URLSearchParams(body).get("account") ?? "";
  const result = accounts.has(account)
    ? { login: { accountId: account, remember: true } }
    : { error: "access_denied", error_description: "The person did not want to go on." };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}
