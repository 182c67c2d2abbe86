# The executor: takes messages from the queues and copies, one process, no Spark and no Java.
#
#   docker build -t s3sync .
#   docker run --env-file .env s3sync executor --work-uri s3://WORK-BUCKET/PREFIX
#
# `enqueue` makes a plan with Spark, so it runs where Spark is: on a machine with the extra `local`, or on EMR.
FROM python:3.11-slim

COPY setup.py pyproject.toml README.md /build/
COPY s3sync /build/s3sync
COPY conf /build/conf
RUN pip install --no-cache-dir --require-hashes -r /build/conf/requirements.txt \
    && pip install --no-cache-dir --no-deps /build && rm -rf /build \
    && useradd --system --uid 10001 --create-home s3sync

USER 10001
WORKDIR /home/s3sync
# ECS sends SIGTERM and waits (stopTimeout): what is in flight is finished, its outcomes and messages are settled.
STOPSIGNAL SIGTERM
ENTRYPOINT ["s3sync"]
CMD ["executor"]
