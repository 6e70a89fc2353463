# The service as an image. Build: docker build -t pyexec . ; run: docker run -p 8080:8080 pyexec
FROM debian:trixie-slim AS build
WORKDIR /src
COPY python_env/install_packages.sh python_env/packages.txt python_env/
RUN python_env/install_packages.sh build
COPY . .
RUN cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DPYEXEC_TESTS=OFF \
 && cmake --build build --target pyexec-server pyexec-worker

FROM debian:trixie-slim
COPY python_env/install_packages.sh python_env/packages.txt /tmp/python_env/
RUN /tmp/python_env/install_packages.sh run \
 && apt-get clean && rm -rf /tmp/python_env /var/lib/apt/lists/*
# Where neither mounts nor Landlock can be had, a job's root is chroot("/usr"). What a job looks for in / has to be
# there then: the name /usr itself, a /tmp (empty, and nobody's to write), devices, and the files of /etc that a mounted
# root has too: where the loader finds libraries, which libblas is chosen, the certificates that requests checks.
RUN ln -s . /usr/usr \
 && mkdir -p /usr/dev /usr/etc/ssl/certs && mkdir -m 0555 /usr/tmp \
 && mknod -m 0666 /usr/dev/null c 1 3 && mknod -m 0666 /usr/dev/zero c 1 5 && mknod -m 0666 /usr/dev/full c 1 7 \
 && mknod -m 0666 /usr/dev/random c 1 8 && mknod -m 0666 /usr/dev/urandom c 1 9 \
 && cp -a /etc/ld.so.cache /etc/alternatives /usr/etc/ && cp /etc/ssl/certs/ca-certificates.crt /usr/etc/ssl/certs/
COPY --from=build /src/build/pyexec-server /src/build/pyexec-worker /usr/local/bin/
ENV PYEXEC_ADDRESS=0.0.0.0
EXPOSE 8080
# Root, so that each job gets a user of its own; jobs never run as root.
ENTRYPOINT ["pyexec-server"]
