# The image of the product's own processes: web, worker, beat and the commands. It holds no secret and no setting.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/aim
COPY requirements.lock /tmp/requirements.lock
RUN /opt/aim/bin/python -m pip install --require-hashes --requirement /tmp/requirements.lock \
    && /opt/aim/bin/python -m pip uninstall --yes pip setuptools
COPY . /srv/aim
WORKDIR /srv/aim
RUN AIM_STATIC_FOLDER=/srv/aim/staticfiles /opt/aim/bin/python manage.py collectstatic --noinput \
    && /opt/aim/bin/python -m compileall -q /srv/aim

FROM python:${PYTHON_VERSION}-slim
RUN groupadd --gid 10001 aim \
    && useradd --uid 10001 --gid aim --no-create-home --home-dir /var/lib/aim --shell /usr/sbin/nologin aim \
    && install --directory --owner aim --group aim --mode 0700 /var/lib/aim
COPY --from=build /opt/aim /opt/aim
COPY --from=build /srv/aim /srv/aim
ENV PATH=/opt/aim/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 AIM_DATA=/var/lib/aim AIM_STATIC_FOLDER=/srv/aim/staticfiles
WORKDIR /srv/aim
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["python", "-m", "aim.runtime.serve", "--host", "0.0.0.0", "--port", "8000"]
