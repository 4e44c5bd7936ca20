// simov/grant as its README shows it, with express: node grant.mjs PORT HUBSPOT_URL SCOPES
import express from "express";
import session from "express-session";
import grant from "grant";

const [port, hubspot, scopes] = process.argv.slice(2);
express()
  .use(session({ secret: "grant", saveUninitialized: true, resave: false }))
  .use(
    grant.express({
      defaults: { origin: `http://localhost:${port}`, transport: "session", state: true, pkce: true },
      hubspot: {
        authorize_url: `${hubspot}/oauth/authorize`,
        access_url: `${hubspot}/oauth/2026-09/token`,
        oauth: 2,
        key: "c",
        secret: "s",
        scope: scopes.split(" "),
        callback: "/done",
      },
    }),
  )
  .get("/done", (request, response) => response.redirect(303, "/"))
  .listen(Number(port), "127.0.0.1");
