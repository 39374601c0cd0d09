#!/usr/bin/env bash
# An init script of a cluster: the program that reads text in images.
set -euo pipefail
apt-get update -qq
apt-get install -y -qq --no-install-recommends tesseract-ocr
