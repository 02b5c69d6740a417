#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a kernel, and programs that use it oddly, ask of a mount: `mount_protocol.py MNT WHAT [PID]`. Prints one line a failure; none is success."""
import ctypes, errno, os, random, struct, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)
bad = []


def fail(text):
    bad.append(text)
    print(text)


def names(fd, size):
    """All names by getdents64 with a buffer of `size` bytes."""
    buf = ctypes.create_string_buffer(size)
    out = []
    while True:
        n = libc.syscall(217, fd, buf, size)
        if n < 0:
            e = ctypes.get_errno()
            if e == errno.EINVAL:
                return None  # the buffer does not hold one entry
            raise OSError(e, os.strerror(e))
        if n == 0:
            return out
        at = 0
        while at < n:
            off, reclen = struct.unpack_from("<qH", buf.raw, at + 8)
            name = buf.raw[at + 19 : at + reclen].split(b"\0")[0]
            out.append((name, off))
            at += reclen


def directories(mnt):
    """Two readers, tiny buffers, seeking back to every place that was told."""
    rng = random.Random(7)
    seen = 0
    for path, dirs, files in os.walk(mnt):
        dirs.sort()
        if rng.random() > 0.2 and len(dirs) + len(files) < 50:
            continue
        if ".weir" in path:
            continue
        seen += 1
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        whole = names(fd, 1 << 20)
        expect = [n for n, _ in whole]
        if len(set(expect)) != len(expect):
            fail(f"{path}: a name is there twice")
        if sorted(os.fsdecode(n) for n in expect) != sorted([".", ".."] + dirs + files):
            fail(f"{path}: getdents and os.walk differ")
        for size in (24, 48, 64, 300, 4096, 32768):
            os.lseek(fd, 0, os.SEEK_SET)
            got = names(fd, size)
            if got is not None and [n for n, _ in got] != expect:
                fail(f"{path}: other names with a buffer of {size}")
        second = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        for _ in range(min(20, len(whole))):
            k = rng.randrange(len(whole))
            os.lseek(fd, whole[k][1], os.SEEK_SET)
            if [n for n, _ in names(fd, 4096)] != expect[k + 1 :]:
                fail(f"{path}: after seeking to entry {k}")
            os.lseek(second, 0, os.SEEK_SET)
            names(second, 512)
        os.close(second)
        os.close(fd)
    if seen < 20:
        fail(f"only {seen} directories were tried")


def mutating(mnt):
    f, d, l = mnt + "/README", mnt + "/checkpoints", mnt + "/latest"
    new = mnt + "/new"
    fd = os.open(f, os.O_RDONLY)
    dfd = os.open(mnt, os.O_RDONLY | os.O_DIRECTORY)
    me = os.getuid()
    calls = {
        "open O_WRONLY": lambda: os.open(f, os.O_WRONLY), "open O_RDWR": lambda: os.open(f, os.O_RDWR), "open O_TRUNC": lambda: os.open(f, os.O_WRONLY | os.O_TRUNC),
        "open O_APPEND": lambda: os.open(f, os.O_WRONLY | os.O_APPEND), "open O_CREAT": lambda: os.open(new, os.O_CREAT | os.O_WRONLY), "open O_CREAT|O_EXCL": lambda: os.open(new, os.O_CREAT | os.O_EXCL),
        "open O_TMPFILE": lambda: os.open(mnt, os.O_TMPFILE | os.O_RDWR), "creat in dir": lambda: os.open(d + "/x", os.O_CREAT | os.O_RDWR), "truncate": lambda: os.truncate(f, 0),
        "truncate longer": lambda: os.truncate(f, 1 << 20), "mkdir": lambda: os.mkdir(new), "mkdir in dir": lambda: os.mkdir(d + "/x"), "mkdirat": lambda: os.mkdir("x", dir_fd=dfd),
        "rmdir": lambda: os.rmdir(d), "rmdir .weir": lambda: os.rmdir(mnt + "/.weir"), "unlink": lambda: os.unlink(f), "unlink link": lambda: os.unlink(l), "unlinkat": lambda: os.unlink("README", dir_fd=dfd),
        "rename": lambda: os.rename(f, new), "rename dir": lambda: os.rename(d, new), "rename over": lambda: os.rename(f, l), "rename into": lambda: os.rename(f, d + "/README"),
        "symlink": lambda: os.symlink("x", new), "link": lambda: os.link(f, new), "link dirfd": lambda: os.link("README", "x", src_dir_fd=dfd, dst_dir_fd=dfd), "mkfifo": lambda: os.mkfifo(new),
        "mknod file": lambda: os.mknod(new, 0o100644), "mknod socket": lambda: os.mknod(new, 0o140644), "chmod": lambda: os.chmod(f, 0o644), "chmod dir": lambda: os.chmod(d, 0o755), "fchmod": lambda: os.fchmod(fd, 0o600),
        "chown": lambda: os.chown(f, me, -1), "lchown": lambda: os.lchown(l, me, -1), "fchown": lambda: os.fchown(fd, me, -1), "utime": lambda: os.utime(f, (1, 1)), "utime now": lambda: os.utime(f),
        "lutime": lambda: os.utime(l, (1, 1), follow_symlinks=False), "setxattr": lambda: os.setxattr(f, "user.x", b"y"), "setxattr weir": lambda: os.setxattr(f, "user.weir.key", b"y"),
        "removexattr": lambda: os.removexattr(f, "user.weir.stream"), "access W_OK": lambda: check_access(f), "chown dir": lambda: os.chown(d, me, -1), "utime dir": lambda: os.utime(d, (1, 1)),
    }

    def check_access(path):
        if libc.access(path.encode(), os.W_OK) != 0:
            raise OSError(ctypes.get_errno(), "access")

    for what, call in calls.items():
        try:
            call()
            fail(f"{what}: worked")
        except OSError as e:
            if e.errno != errno.EROFS:
                fail(f"{what}: {errno.errorcode[e.errno]}, not EROFS")
    if len(calls) < 40:
        fail(f"only {len(calls)} calls")
    os.close(fd)
    os.close(dfd)


def rss(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * 4096


def leak(mnt, pid):
    """The server's memory after a warm-up, and after the same work again and again."""
    files = [os.path.join(p, f) for p, _, fs in os.walk(mnt) for f in fs if ".weir" not in p][:1500]

    def work():
        for f in files:
            with open(f, "rb") as r:
                os.posix_fadvise(r.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                r.read()
            try:
                os.stat(f"{f}.{random.random()}")
            except FileNotFoundError:
                pass
    for _ in range(3):
        work()
    start = rss(pid)
    for _ in range(6):
        work()
    grown = rss(pid) - start
    if grown > 2 << 20:
        fail(f"the server grew by {grown} bytes in {6 * len(files) * 3} operations")


def load(mnt, seconds, wanted):
    """64 readers until the mount goes; what they see then must be one of `wanted`."""
    files = [os.path.join(p, f) for p, _, fs in os.walk(mnt) for f in fs][:3000]
    errors, reads, stop = set(), [0], time.time() + seconds

    def read(k):
        rng = random.Random(k)
        while time.time() < stop:
            try:
                with open(rng.choice(files), "rb") as f:
                    f.read()
                reads[0] += 1
            except OSError as e:
                errors.add(errno.errorcode.get(e.errno, e.errno))
                return
    threads = [threading.Thread(target=read, args=(k,)) for k in range(64)]
    [t.start() for t in threads]
    print("started", flush=True)
    [t.join(seconds + 20) for t in threads]
    if any(t.is_alive() for t in threads):
        fail("a reader hangs")
    if reads[0] < 100:
        fail(f"only {reads[0]} reads")
    if not errors <= set(wanted):
        fail(f"readers saw {errors}")


def walk(mnt):
    """Sizes are exact, or the file is a stream."""
    n = 0
    for path, dirs, files in os.walk(mnt):
        if ".weir" in path:
            continue
        for f in files:
            p = os.path.join(path, f)
            st = os.lstat(p)
            if not os.path.islink(p):
                with open(p, "rb") as r:
                    got = len(r.read())
                    again = os.pread(r.fileno(), 10, max(0, got - 10))
                stream = os.getxattr(p, "user.weir.stream") == b"1"
                if got != st.st_size and not (stream and st.st_size == 0) and os.lstat(p).st_size != got:
                    fail(f"{p}: {got} bytes, not {st.st_size}")
                if len(again) != min(10, got):
                    fail(f"{p}: its end")
                n += 1
    if n < 500:
        fail(f"only {n} files")


mnt, what = sys.argv[1], sys.argv[2]
if what == "load":
    load(mnt, float(sys.argv[3]), sys.argv[4:])
elif what == "leak":
    leak(mnt, int(sys.argv[3]))
else:
    {"directories": directories, "mutating": mutating, "walk": walk}[what](mnt)
sys.exit(1 if bad else 0)
