# The service as an image. Build: docker build -t pyexec . ; run: docker run -p 8080:8080 pyexec
#
# --build-arg BASE=debian@sha256:...   that very base image, instead of today's
# --build-arg PACKAGES=locked          the versions of python_env/packages/packages.lock, or an error that names the first that the
#                                      archive no longer has; by default those that the archive has now
# --build-arg VERSION="$(./dev version)" REVISION="$(git rev-parse HEAD)"   for the labels
# What an image holds it says itself: docker run --rm --entrypoint cat pyexec /usr/share/pyexec/packages.lock
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
WORKDIR /src
COPY python_env/packages/install_packages.sh python_env/packages/packages.txt python_env/packages/
RUN python_env/packages/install_packages.sh build
COPY CMakeLists.txt ./
COPY client client
COPY python_env/runtime python_env/runtime
COPY python_env/selftest python_env/selftest
COPY sandbox sandbox
COPY server server
COPY worker worker
RUN cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DPYEXEC_TESTS=OFF \
 && cmake --build build --target pyexec-server pyexec-worker \
 && strip build/pyexec-server build/pyexec-worker

FROM ${BASE}
ARG PACKAGES=current
COPY python_env/packages python_env/runtime/plots.py /tmp/python_env/
# Where neither mounts nor Landlock can be had, a job's root is chroot("/usr"). What a job looks for in / has to be
# there then: the name /usr itself, a /tmp (empty, and nobody's to write), devices, and the files of /etc that a mounted
# root has too: where the loader finds libraries, which libblas is chosen, the certificates that requests checks, the types of files.
RUN /tmp/python_env/install_in_image.sh "${PACKAGES}" \
 && python3 -I -B /tmp/python_env/plots.py >/usr/share/pyexec/fonts.json && rm -rf /tmp/python_env \
 && ln -s . /usr/usr && ln -s python3 /usr/bin/python \
 && mkdir -p /usr/dev /usr/etc/ssl/certs && mkdir -m 0555 /usr/tmp \
 && mknod -m 0666 /usr/dev/null c 1 3 && mknod -m 0666 /usr/dev/zero c 1 5 && mknod -m 0666 /usr/dev/full c 1 7 \
 && mknod -m 0666 /usr/dev/random c 1 8 && mknod -m 0666 /usr/dev/urandom c 1 9 \
 && cp -a /etc/ld.so.cache /etc/mime.types /etc/alternatives /usr/etc/ && cp /etc/ssl/certs/ca-certificates.crt /usr/etc/ssl/certs/
COPY --from=build /src/build/pyexec-server /src/build/pyexec-worker /usr/local/bin/
COPY LICENSE /usr/share/doc/pyexec/
ENV PYEXEC_ADDRESS=0.0.0.0
EXPOSE 8080
STOPSIGNAL SIGTERM
# Bash itself opens the connection: no program is started that takes memory of jobs. /health is 503 while no worker can be made.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/${PYEXEC_ADDRESS}/${PYEXEC_PORT:-${PORT:-8080}} && printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pyexec" \
      org.opencontainers.image.description="Runs untrusted Python behind an HTTP API, each job in a jail of its own" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Root, so that each job gets a user of its own; jobs never run as root.
ENTRYPOINT ["pyexec-server"]
