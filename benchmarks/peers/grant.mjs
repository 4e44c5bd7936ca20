// simov/grant as its README shows it, with express: node grant.mjs PORT HUBSPOT_URL SCOPES [REDIS_URL]
// With REDIS_URL its session survives a restart, otherwise it is in the memory of its process.
import express from "express";
import session from "express-session";
import grant from "grant";
import { createClient } from "redis";
import { RedisStore } from "connect-redis";

const [port, hubspot, scopes, redis] = process.argv.slice(2);
const client = redis && (await createClient({ url: redis }).connect());
const store = client && new RedisStore({ client, ttl: 900 });
express()
  .use(session({ secret: "grant", saveUninitialized: true, resave: false, ...(store && { store }) }))
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
