#!/bin/bash
# Records other people's programs between three network namespaces: a camera (10.1.0.5), a router with the site's resolver, the outside
# (203.0.113.80-82, RFC 5737). Nothing leaves the namespaces. Needs root and the programs that a scene names (Debian: coturn iodine dns2tcp
# ptunnel icmptx openvpn wireguard-go wireguard-tools openssh-server shadowsocks-libev stunnel4/socat mosquitto chrony curl dnsmasq tcpdump
# wireshark-common ethtool). Usage: record.sh SCENE FOLDER; `record.sh list` names the scenes. Writes FOLDER/SCENE.pcap.gz, packets cut.
set -u
scenes() { declare -F | awk '$3 ~ /^scene_/ {print substr($3, 7)}'; }

router() { nsenter --net --target "$R" "$@"; }
camera() { nsenter --net --target "$C" "$@"; }
outside() { nsenter --net --target "$O" "$@"; }
behind() { "$@" >/dev/null 2>&1 & }
sink() { behind outside socat -u "TCP-LISTEN:9000,fork" OPEN:/dev/null; }
push() { head -c "$1" /dev/urandom | timeout 25 nsenter --net --target "$C" socat -u - "$2"; }
certificate() { openssl req -x509 -newkey rsa:2048 -nodes -keyout "$W/key.pem" -out "$W/cert.pem" -days 2 -subj "/CN=$1" >/dev/null 2>&1; chmod -R a+rX "$W"; }
resolving() { echo "nameserver 10.1.0.1" >"$W/resolv"; camera timeout 60 unshare --mount sh -c "mount --bind $W/resolv /etc/resolv.conf; $1" >/dev/null 2>&1; }
vpn_keys() {
    (cd "$W" && openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca
        for n in server client; do
            openssl req -newkey rsa:2048 -nodes -keyout $n.key -out $n.csr -subj /CN=$n
            openssl x509 -req -in $n.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out $n.crt -days 2
        done
        openvpn --genkey secret shared.key
        openvpn --genkey tls-crypt-v2-server server2.key
        openvpn --tls-crypt-v2 server2.key --genkey tls-crypt-v2-client client2.key) >/dev/null 2>&1
}
openvpn_over() { # protocol of the server, of the client, port, how each wraps its control packets
    # shellcheck disable=SC2086
    vpn_keys
    behind outside openvpn --cd "$W" --dev tun --proto "$1" --port "$3" --tls-server --ca ca.crt --cert server.crt --key server.key --dh none ${4:-} --ifconfig 10.97.0.1 10.97.0.2
    sleep 1
    behind camera openvpn --cd "$W" --dev tun --proto "$2" --remote 203.0.113.80 "$3" --nobind --tls-client --ca ca.crt --cert client.crt --key client.key ${5:-} --ifconfig 10.97.0.2 10.97.0.1
    sleep 5; sink; sleep 1; push 120000 TCP:10.97.0.1:9000
}
iodine_by() { # type of question
    behind outside iodined -f -c -P secret 10.99.0.1 t.exfil-test.net
    sleep 1; behind camera iodine -f -r -T "$1" -P secret 10.1.0.1 t.exfil-test.net
    sleep 8; sink; sleep 1; push 15000 TCP:10.99.0.1:9000
}
mqtt_to() { # name of the server
    certificate "$1"
    printf 'listener 8883 203.0.113.82\ncertfile %s/cert.pem\nkeyfile %s/key.pem\nallow_anonymous true\nuser root\n' "$W" "$W" >"$W/m.conf"
    behind outside mosquitto -c "$W/m.conf"
    sleep 1
    resolving "mosquitto_sub -h $1 -p 8883 --cafile $W/cert.pem -t x -k 5 & s=\$!; for i in 1 2 3; do mosquitto_pub -h $1 -p 8883 --cafile $W/cert.pem -t y -m motion; sleep 8; done; kill \$s"
}

scene_turn_call() { # coturn, its client and its echoing peer: media both ways
    behind outside turnserver -n -z --no-tls --no-dtls --listening-ip=203.0.113.80 --relay-ip=203.0.113.80 --no-cli --log-file=stdout --allow-loopback-peers
    behind outside turnutils_peer -L 203.0.113.81
    sleep 1; camera timeout 40 turnutils_uclient -e 203.0.113.81 -n 1500 -l 1000 -z 15 -m 1 203.0.113.80 >/dev/null 2>&1
}
scene_iodine_null() { iodine_by NULL; }
scene_iodine_txt() { iodine_by TXT; }
scene_dns2tcp() {
    printf 'listen = 203.0.113.80\nport = 53\nuser = nobody\nchroot = /var/empty\ndomain = t.exfil-test.net\nresources = sink:127.0.0.1:9000\n' >"$W/d.conf"
    sed -i "s#/var/empty#$W#" "$W/d.conf"
    behind outside dns2tcpd -F -d 1 -f "$W/d.conf"
    sink; sleep 1; behind camera dns2tcpc -r sink -z t.exfil-test.net -l 7000 10.1.0.1
    sleep 1; push 15000 TCP:127.0.0.1:7000; sleep 3
}
scene_ptunnel() {
    behind outside ptunnel
    sink; sleep 1; behind camera ptunnel -p 203.0.113.80 -lp 7000 -da 203.0.113.80 -dp 9000
    sleep 1; push 300000 TCP:127.0.0.1:7000; sleep 6
}
scene_icmptx() {
    behind outside icmptx -s 203.0.113.80
    sleep 1; outside ip addr add 10.98.0.1/24 dev tun0; outside ip link set tun0 up mtu 1000; outside sysctl -qw net.ipv4.icmp_echo_ignore_all=1
    behind camera icmptx -c 203.0.113.80
    sleep 1; camera ip addr add 10.98.0.2/24 dev tun0; camera ip link set tun0 up mtu 1000
    sink; sleep 1; push 200000 TCP:10.98.0.1:9000; sleep 2
}
scene_openvpn_udp() { openvpn_over udp udp 1194; }
scene_openvpn_tcp443() { openvpn_over tcp-server tcp-client 443; }
scene_openvpn_auth() { openvpn_over udp udp 1194 '--tls-auth shared.key 0' '--tls-auth shared.key 1'; }
scene_openvpn_crypt() { openvpn_over udp udp 1194 '--tls-crypt shared.key' '--tls-crypt shared.key'; }
scene_openvpn_crypt2() { openvpn_over udp udp 1194 '--tls-crypt-v2 server2.key' '--tls-crypt-v2 client2.key'; }
scene_wireguard() {
    for n in a b; do wg genkey >"$W/$n"; wg pubkey <"$W/$n" >"$W/$n.pub"; done
    behind outside wireguard-go -f wgo; behind camera wireguard-go -f wgc; sleep 4
    outside wg set wgo listen-port 51820 private-key "$W/a" peer "$(cat "$W/b.pub")" allowed-ips 10.96.0.0/24
    camera wg set wgc private-key "$W/b" peer "$(cat "$W/a.pub")" allowed-ips 10.96.0.0/24 endpoint 203.0.113.80:51820
    outside ip addr add 10.96.0.1/24 dev wgo; outside ip link set wgo up; camera ip addr add 10.96.0.2/24 dev wgc; camera ip link set wgc up
    sink; sleep 1; push 300000 TCP:10.96.0.1:9000
}
scene_ssh_forward() {
    mkdir -p /run/sshd; ssh-keygen -q -t ed25519 -N '' -f "$W/host"; ssh-keygen -q -t ed25519 -N '' -f "$W/user"
    printf 'HostKey %s/host\nAuthorizedKeysFile %s/user.pub\nListenAddress 203.0.113.80\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n' "$W" "$W" >"$W/sshd.conf"
    behind outside /usr/sbin/sshd -D -f "$W/sshd.conf"
    sink; sleep 1
    behind camera ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i "$W/user" -N -L 7000:127.0.0.1:9000 root@203.0.113.80
    sleep 2; push 3000000 TCP:127.0.0.1:7000; sleep 5
}
scene_shadowsocks() {
    behind outside ss-server -s 203.0.113.80 -p 8388 -k word -m aes-256-gcm
    sink; behind camera ss-tunnel -s 203.0.113.80 -p 8388 -l 7000 -k word -m aes-256-gcm -L 203.0.113.80:9000
    sleep 2; push 2000000 TCP:127.0.0.1:7000; sleep 2
}
scene_tls_nameless() {
    certificate x
    behind outside socat -u "OPENSSL-LISTEN:443,fork,cert=$W/cert.pem,key=$W/key.pem,verify=0" OPEN:/dev/null
    sleep 1; push 5000000 OPENSSL:203.0.113.80:443,verify=0
}
scene_vxlan() {
    outside ip link add v0 type vxlan id 7 local 203.0.113.80 remote 10.1.0.5 dstport 4789; outside ip addr add 10.95.0.1/24 dev v0; outside ip link set v0 up
    camera ip link add v0 type vxlan id 7 local 10.1.0.5 remote 203.0.113.80 dstport 4789; camera ip addr add 10.95.0.2/24 dev v0; camera ip link set v0 up
    sink; sleep 1; push 300000 TCP:10.95.0.1:9000
}
scene_http_put() {
    behind outside socat TCP-LISTEN:80,fork SYSTEM:'cat >/dev/null'
    sleep 1; head -c 8000000 /dev/urandom >"$W/x"
    camera curl -s -m 15 -H 'Expect:' -T "$W/x" http://drop.unknown-host.net/x --resolve drop.unknown-host.net:80:203.0.113.82
}
scene_chrony() {
    printf 'local stratum 3\nallow all\nbindaddress 203.0.113.82\nport 123\ncmdport 0\npidfile %s/s.pid\n' "$W" >"$W/s.conf"
    printf 'server 203.0.113.82 iburst minpoll 3 maxpoll 3\ncmdport 0\nport 0\npidfile %s/c.pid\n' "$W" >"$W/c.conf"
    behind outside chronyd -d -x -u root -f "$W/s.conf"
    sleep 2; camera timeout 40 chronyd -d -x -u root -f "$W/c.conf" >/dev/null 2>&1
}
scene_mqtt_platform() { mqtt_to m1.tuyaeu.com; }
scene_mqtt_unknown() { mqtt_to mq.some-maker.net; }
scene_update_check() {
    certificate download.tplinkcloud.com; head -c 4000000 /dev/urandom >"$W/fw.bin"
    behind outside sh -c "cd $W; openssl s_server -accept 203.0.113.82:443 -cert cert.pem -key key.pem -WWW -quiet"
    sleep 1; resolving 'for i in 1 2 3; do curl -sk https://download.tplinkcloud.com/cert.pem -o /dev/null; sleep 4; done; curl -sk https://download.tplinkcloud.com/fw.bin -o /dev/null'
}
scene_stun_check() {
    behind outside turnserver -n -z -S --no-tls --no-dtls --listening-ip=203.0.113.80 --no-cli --log-file=stdout
    sleep 1; for _ in 1 2 3 4 5; do camera timeout 5 turnutils_stunclient 203.0.113.80 >/dev/null 2>&1; sleep 3; done
}
scene_https_reports() {
    certificate x
    behind outside sh -c "cd $W; openssl s_server -accept 203.0.113.82:443 -cert cert.pem -key key.pem -www -quiet"
    sleep 1
    for _ in 1 2 3 4 5 6; do
        head -c 900 /dev/urandom | base64 >"$W/b"
        camera curl -sk -m 3 -d "@$W/b" https://stats.some-maker.net/r --resolve stats.some-maker.net:443:203.0.113.82 -o /dev/null; sleep 5
    done
}
scene_syslog() {
    behind outside socat -u UDP4-RECV:514 OPEN:/dev/null
    sleep 1; for i in $(seq 40); do camera logger -n 203.0.113.82 -P 514 -d "camera motion detected channel 1 event $i"; sleep 0.5; done
}
scene_names() {
    resolving 'for i in 1 2 3 4 5; do for n in pool.ntp.org litedev.hik-connect.com dev.hik-connect.com www.easy4ipcloud.com d3abcdef0123456.cloudfront.net a1b2c3d4e5f6a7b8-ats.iot.eu-west-1.amazonaws.com; do getent hosts $n; done; sleep 2; done'
}

[ "${1:-list}" = list ] && { scenes; exit 0; }
scene=$1 folder=$2
scenes | grep -qx "$scene" || { echo "record: no scene $scene; record.sh list names them" >&2; exit 2; }
W=$(mktemp -d); holders=()
for _ in 1 2 3; do unshare --net sleep 900 & holders+=($!); done
R=${holders[0]} C=${holders[1]} O=${holders[2]}
finish() { # whatever runs in the three namespaces was begun here
    for holder in "${holders[@]}"; do
        space=$(readlink "/proc/$holder/ns/net")
        for p in /proc/[0-9]*; do
            [ "${p#/proc/}" != "$holder" ] && [ "$(readlink "$p/ns/net" 2>/dev/null)" = "$space" ] && kill "${p#/proc/}" 2>/dev/null
        done
        kill "$holder" 2>/dev/null
    done
    rm -rf "$W"
}
trap finish EXIT
sleep 1
for pid in "${holders[@]}"; do nsenter --net --target "$pid" ip link set lo up; done
router ip link add tocam type veth peer name eth0 netns "$C"; router ip link add toout type veth peer name eth0 netns "$O"
router ip addr add 10.1.0.1/24 dev tocam; router ip addr add 203.0.113.1/24 dev toout; router ip link set tocam up; router ip link set toout up
camera ip addr add 10.1.0.5/24 dev eth0; camera ip link set eth0 up; camera ip route add default via 10.1.0.1
for a in 80 81 82; do outside ip addr add 203.0.113.$a/24 dev eth0; done
outside ip link set eth0 up; outside ip route add default via 203.0.113.1; router sysctl -qw net.ipv4.ip_forward=1
behind router dnsmasq --no-daemon --no-resolv --no-hosts --listen-address=10.1.0.1 --bind-interfaces --server=/t.exfil-test.net/203.0.113.80 --address=/#/203.0.113.82
behind router tcpdump -i tocam -w "$W/all.pcap" -U
sleep 1; "scene_$scene"; sleep 1
# long conversations are cut after their first bytes, names and handshakes stay whole
case $scene in openvpn_crypt2) cut=400 ;; turn_call | tls_nameless | ptunnel | openvpn_* | ssh_forward | shadowsocks | icmptx | vxlan) cut=96 ;; wireguard | http_put | update_check) cut=240 ;; *) cut=1600 ;; esac
editcap -F pcap -s "$cut" "$W/all.pcap" "$W/cut.pcap" && gzip -9 -n -c "$W/cut.pcap" >"$folder/$scene.pcap.gz"
