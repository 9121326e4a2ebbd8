#!/bin/sh
# SPDX-License-Identifier: MIT
# The first and only program of the guest: a volume over the kernel's own nbd
# driver, its file system mounted, read, written and checked. What it finds is
# printed in lines of "bh NAME VALUE".
export PATH=/bin:/usr/sbin:/sbin:/usr/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
    insmod "$module" || echo "bh fault insmod $module"
done
for word in $(cat /proc/cmdline); do
    case $word in bh_*=*) eval "$word" ;; esac
done

say() { echo "bh $*"; }
sum() { md5sum "$1" | cut -d' ' -f1; }
cut_out() { dd if=/tmp/made bs=1000 skip="$1" count=3 2>/dev/null; }
# As on any machine: the file system's own program.
check() {
    case $bh_fs in
    ext4) e2fsck -fn /dev/nbd0 ;;
    *) fsck.fat -n /dev/nbd0 ;;
    esac
    say "$1" $?
}
attach() {
    nbd-client 10.0.2.2 "$bh_port" /dev/nbd0 -N "" -persist \
        -connections "$bh_connections"
}

ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
attach || say fault nbd-client
say size "$(cat /sys/block/nbd0/size)"
mount -t "$bh_fs" /dev/nbd0 /mnt || say fault mount
say read "$(sum /mnt/given)"
dd if=/dev/urandom of=/tmp/made bs=64k count="$bh_blocks" 2>/dev/null
say made "$(sum /tmp/made)"
for name in 1 2 3 4; do
    cp /tmp/made "/mnt/made$name" && sync || say fault write "$name"
done
# Many short writes, each of which is to be stable.
for name in $(seq "$bh_files"); do
    cut_out "$name" > "/mnt/small$name" && sync || say fault write "small$name"
done
rm /mnt/made2 /mnt/gone
umount /mnt || say fault umount
# Nothing of it is in a cache any more: it is a device anew.
nbd-client -d /dev/nbd0
attach || say fault nbd-client
check checked
mount -t "$bh_fs" /dev/nbd0 /mnt || say fault mount again
for name in 1 3 4; do
    say again "$(sum "/mnt/made$name")"
done
for name in $(seq "$bh_files"); do
    cut_out "$name" | cmp - "/mnt/small$name" || say fault read "small$name"
done
umount /mnt
nbd-client -d /dev/nbd0
dmesg | grep -iE 'nbd0.*(error|timed|dead)|I/O error' | sed 's/^/bh kernel /'
say ends
poweroff -f
