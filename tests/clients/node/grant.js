// grant, by its README: https://github.com/simov/grant
import grant from 'grant'
import { app, clientId, clientSecret, issuer, origin, ready, scope } from './site.js'

// The name of the provider is free; it makes the redirect URI, <origin>/connect/hubspot/callback.
app.use(
  grant.express({
    defaults: { origin, transport: 'session', state: true, pkce: true },
    hubspot: {
      oauth: 2,
      authorize_url: `${issuer}/oauth/authorize`,
      access_url: `${issuer}/oauth/token`,
      key: clientId,
      secret: clientSecret,
      scope: scope.split(' '),
      scope_delimiter: ' ', // the default is a comma
      callback: '/callback',
    },
  }),
)

app.get('/login', (req, res) => res.redirect('/connect/hubspot'))

app.get('/callback', (req, res, next) => {
  const { error, error_description, raw } = req.session.grant.response
  // What the token endpoint answers is an object in `error`.
  if (error) return next(error.error ? error : { error, error_description })
  req.session.tokens = raw
  res.json({ tokens: raw })
})

app.get('/refresh', async (req, res, next) => {
  // It does not refresh; this is all that there is to it.
  const response = await fetch(`${issuer}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: req.session.tokens.refresh_token,
      client_id: clientId,
      client_secret: clientSecret,
    }),
  })
  const answer = await response.json()
  if (!response.ok) return next(answer)
  req.session.tokens = answer
  res.json({ tokens: answer })
})

ready(({ error, error_description }) => ({ error, error_description }))
