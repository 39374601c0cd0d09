#!/usr/bin/env bash
# Say which Java Spark would use. Exit code 1 when there is none of version 17 or newer.
set -euo pipefail

java="${JAVA_HOME:+$JAVA_HOME/bin/}java"
version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1) || version=""
if [ -n "$version" ] && [ "$version" -ge 17 ]; then
    echo "Java $version; the Spark tests run."
    exit 0
fi
echo "Java 17 or newer not found${version:+ (found $version)}: the Spark tests are skipped." \
    "To run them: apt-get install openjdk-17-jre-headless"
exit 1
