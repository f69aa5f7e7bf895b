# The registry as an image: `docker build -t berth .`, or `docker compose up`. The first stage has a compiler, in case
# the database's native module is not there ready-made for the machine; nothing of it is in the image that runs.
ARG NODE=22

FROM node:${NODE}-bookworm AS build
WORKDIR /berth
COPY package.json package-lock.json build.mjs ./
COPY migrations migrations
COPY storage storage
COPY web web
COPY src src
# "prepare" builds dist on the way. What it bundles is not needed beside it, nor what the native module is made of.
RUN npm ci --no-audit --no-fund \
 && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/@aws-sdk node_modules/@smithy node_modules/@opentelemetry node_modules/.bin dist/*.map \
      node_modules/better-sqlite3*/deps node_modules/better-sqlite3*/src \
      node_modules/better-sqlite3-node-api/prebuilds/darwin* \
      node_modules/better-sqlite3-node-api/prebuilds/win32* \
      node_modules/better-sqlite3-node-api/prebuilds/linuxmusl* \
      node_modules/better-sqlite3/build/Release/obj node_modules/better-sqlite3/build/Release/obj.target

FROM node:${NODE}-bookworm-slim
WORKDIR /berth
COPY --from=build /berth/package.json ./
COPY --from=build /berth/migrations migrations
COPY --from=build /berth/node_modules node_modules
COPY --from=build /berth/dist dist
COPY LICENSE ./
# The only place that is written to; a volume that is new takes its owner from here.
RUN mkdir -m 0700 /var/lib/berth && chown 1000:1000 /var/lib/berth \
 && chmod +x /berth/dist/main.js && ln -s /berth/dist/main.js /usr/local/bin/berth
VOLUME /var/lib/berth
ENV BERTH_DATA=/var/lib/berth BERTH_LISTEN=:5000
USER 1000:1000
EXPOSE 5000
# Running transfers get limits.drainTimeout.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.BERTH_LISTEN.split(':').pop()) + '/healthz').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title=Berth \
      org.opencontainers.image.description="An OCI image registry" \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION}
ENTRYPOINT ["node", "/berth/dist/main.js"]
CMD ["serve"]
