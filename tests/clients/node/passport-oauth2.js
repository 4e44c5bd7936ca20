// passport-oauth2, by its README: https://github.com/jaredhanson/passport-oauth2
import passport from 'passport'
import OAuth2Strategy from 'passport-oauth2'
import { app, clientId, clientSecret, issuer, origin, ready, scope } from './site.js'

const strategy = new OAuth2Strategy(
  {
    authorizationURL: `${issuer}/oauth/authorize`,
    tokenURL: `${issuer}/oauth/token`,
    clientID: clientId,
    clientSecret,
    callbackURL: `${origin}/callback`,
    scope,
    state: true,
    pkce: true,
  },
  // With five arguments the third is the whole answer, without its refresh token.
  (accessToken, refreshToken, params, profile, done) =>
    done(null, { ...params, refresh_token: refreshToken }),
)
passport.use(strategy)

app.get('/login', passport.authenticate('oauth2'))

app.get('/callback', (req, res, next) => {
  passport.authenticate('oauth2', (error, tokens, info) => {
    if (error) return next(error)
    // access_denied is no error for it: nobody is signed in, and `info` has the description.
    if (!tokens) return next({ code: req.query.error ?? 'refused', message: info.message })
    req.session.tokens = tokens
    res.json({ tokens })
  })(req, res, next)
})

app.get('/refresh', (req, res, next) => {
  const params = { grant_type: 'refresh_token' }
  // What passport-oauth2-refresh does; the library itself has no method for it.
  strategy._oauth2.getOAuthAccessToken(
    req.session.tokens.refresh_token, params, (error, accessToken, refreshToken, answer) => {
      if (error) return next(strategy.parseErrorResponse(error.data, error.statusCode))
      req.session.tokens = { ...answer, refresh_token: refreshToken }
      res.json({ tokens: req.session.tokens })
    },
  )
})

ready(({ code, message }) => ({ error: code, error_description: message }))
