// A disk that fails when a test says so: loaded into a server with LD_PRELOAD, it stands before
// the calls that change files below DISK_FAULT_DIR and lets every other call through. The test
// steers and reads it through the words of the file DISK_FAULT_CONTROL, which disk.mjs lays out
// the same way. With DISK_FAULT_LOG it also writes down what the server gave to the disk and when
// that was synced, from which the test works out what a power cut would leave.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kind_sync = 1, kind_write = 2, kind_size = 4, kind_name = 8 };

struct control {
    uint64_t calls;  // counted so far, of the kinds asked for
    uint64_t first;  // the first call that fails; 0: none
    uint64_t last;   // and the last one
    uint64_t error;  // an errno
    uint64_t kinds;  // which calls count and may fail
    uint64_t torn;   // a failing write still writes its first half
    uint64_t failed; // so many calls have failed
    uint64_t copies; // only the database's own file counts: what is copied back from its log
};

static struct control* control;
static const char* folder;
static size_t folder_length;
static int log_file = -1;
// One call at a time, so that the log tells the order in which the disk saw them.
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static ssize_t (*real_write)(int, const void*, size_t);
static ssize_t (*real_pwrite)(int, const void*, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec*, int);
static int (*real_ftruncate)(int, off_t);
static int (*real_fallocate)(int, off_t, off_t);
static int (*real_unlink)(const char*);
static int (*real_open)(const char*, int, ...);

#define FIND(name) real_##name = (__typeof__(real_##name))dlsym(RTLD_NEXT, #name)

// The constructors of other libraries may open files before this one has its turn, so every call
// asks for it.
__attribute__((constructor)) static void begin(void) {
    if (real_open != NULL) return;
    FIND(fsync);
    FIND(fdatasync);
    FIND(write);
    FIND(pwrite);
    FIND(writev);
    FIND(ftruncate);
    real_fallocate = (__typeof__(real_fallocate))dlsym(RTLD_NEXT, "posix_fallocate");
    FIND(unlink);
    FIND(open);
    folder = getenv("DISK_FAULT_DIR");
    const char* const file = getenv("DISK_FAULT_CONTROL");
    const char* const log = getenv("DISK_FAULT_LOG");
    if (folder == NULL || file == NULL) return;
    folder_length = strlen(folder);
    const int descriptor = real_open(file, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) abort();
    void* const place =
        mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (place == MAP_FAILED) abort();
    close(descriptor);
    if (log != NULL) log_file = real_open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    control = place;
}

static int is_ours(const char* path) {
    begin();
    return control != NULL && strncmp(path, folder, folder_length) == 0 &&
           path[folder_length] == '/';
}

// The name of an open file of ours below the folder, or NULL.
static const char* name_of(int descriptor, char* path, size_t size) {
    begin();
    if (control == NULL) return NULL;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t length = readlink(link, path, size - 1);
    if (length < 0) return NULL;
    path[length] = '\0';
    return is_ours(path) ? path + folder_length + 1 : NULL;
}

// Whether this call is one that fails. The caller holds the lock.
static int fails(uint64_t kind, const char* name) {
    if ((__atomic_load_n(&control->kinds, __ATOMIC_SEQ_CST) & kind) == 0) return 0;
    const int elsewhere = strcmp(name, "weir.db") != 0;
    if (elsewhere && __atomic_load_n(&control->copies, __ATOMIC_SEQ_CST) != 0) return 0;
    const uint64_t call = __atomic_add_fetch(&control->calls, 1, __ATOMIC_SEQ_CST);
    const uint64_t first = __atomic_load_n(&control->first, __ATOMIC_SEQ_CST);
    if (first == 0 || call < first || call > __atomic_load_n(&control->last, __ATOMIC_SEQ_CST))
        return 0;
    __atomic_add_fetch(&control->failed, 1, __ATOMIC_SEQ_CST);
    return 1;
}

// A line of text, then for a write its bytes.
static void note(const char* what, const char* name, off_t offset, const void* bytes,
                 size_t size) {
    if (log_file < 0) return;
    char line[256];
    const int length = snprintf(line, sizeof line, "%s %s %lld %zu\n", what, name,
                                (long long)offset, size);
    struct iovec parts[2] = {{line, (size_t)length}, {(void*)(uintptr_t)bytes, size}};
    if (real_writev(log_file, parts, bytes == NULL ? 1 : 2) < 0) abort();
}

static int sync_file(int descriptor, int (**real)(int)) {
    char path[4096];
    const char* const name = name_of(descriptor, path, sizeof path);
    if (name == NULL) return (*real)(descriptor);
    pthread_mutex_lock(&one_at_a_time);
    int done = 0;
    if (fails(kind_sync, name)) {
        note("failed", name, 0, NULL, 0);
        errno = (int)control->error;
        done = -1;
    } else {
        done = (*real)(descriptor);
        if (done == 0) note("sync", name, 0, NULL, 0);
    }
    const int error = errno;
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return done;
}

int fsync(int descriptor) { return sync_file(descriptor, &real_fsync); }
int fdatasync(int descriptor) { return sync_file(descriptor, &real_fdatasync); }

// `offset` -1: where the file stands.
static ssize_t put(int descriptor, const void* bytes, size_t size, off_t offset) {
    char path[4096];
    const char* const name = name_of(descriptor, path, sizeof path);
    if (name == NULL)
        return offset < 0 ? real_write(descriptor, bytes, size)
                          : real_pwrite(descriptor, bytes, size, offset);
    pthread_mutex_lock(&one_at_a_time);
    const int bad = fails(kind_write, name);
    const size_t some = !bad ? size : control->torn ? size / 2 : 0;
    const off_t at = offset < 0 ? lseek(descriptor, 0, SEEK_CUR) : offset;
    ssize_t done = 0;
    if (some > 0)
        done = offset < 0 ? real_write(descriptor, bytes, some)
                          : real_pwrite(descriptor, bytes, some, offset);
    int error = errno;
    if (done > 0) note("write", name, at, bytes, (size_t)done);
    if (bad) {
        error = (int)control->error;
        done = -1;
    }
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return done;
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
    return put(descriptor, bytes, size, -1);
}
ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
    return put(descriptor, bytes, size, offset);
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t offset) {
    return put(descriptor, bytes, size, offset);
}

static int resize(int descriptor, off_t size) {
    char path[4096];
    const char* const name = name_of(descriptor, path, sizeof path);
    if (name == NULL) return real_ftruncate(descriptor, size);
    pthread_mutex_lock(&one_at_a_time);
    int done = -1;
    if (fails(kind_size, name)) {
        errno = (int)control->error;
    } else {
        done = real_ftruncate(descriptor, size);
        if (done == 0) note("size", name, size, NULL, 0);
    }
    const int error = errno;
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return done;
}

int ftruncate(int descriptor, off_t size) { return resize(descriptor, size); }
int ftruncate64(int descriptor, off64_t size) { return resize(descriptor, size); }

static int allocate(int descriptor, off_t offset, off_t size) {
    char path[4096];
    const char* const name = name_of(descriptor, path, sizeof path);
    if (name == NULL) return real_fallocate(descriptor, offset, size);
    pthread_mutex_lock(&one_at_a_time);
    const int error =
        fails(kind_size, name) ? (int)control->error : real_fallocate(descriptor, offset, size);
    pthread_mutex_unlock(&one_at_a_time);
    return error;
}

int posix_fallocate(int descriptor, off_t offset, off_t size) {
    return allocate(descriptor, offset, size);
}
int posix_fallocate64(int descriptor, off64_t offset, off64_t size) {
    return allocate(descriptor, offset, size);
}

int unlink(const char* path) {
    if (!is_ours(path)) return real_unlink(path);
    pthread_mutex_lock(&one_at_a_time);
    int done = -1;
    if (fails(kind_name, path + folder_length + 1)) {
        errno = (int)control->error;
    } else {
        done = real_unlink(path);
        if (done == 0) note("unlink", path + folder_length + 1, 0, NULL, 0);
    }
    const int error = errno;
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return done;
}

// Only what would make or open a file for writing can fail: reading is no part of this.
static int open_file(const char* path, int flags, mode_t mode) {
    if (!is_ours(path) || (flags & O_ACCMODE) == O_RDONLY) return real_open(path, flags, mode);
    pthread_mutex_lock(&one_at_a_time);
    int done = -1;
    if (fails(kind_name, path + folder_length + 1)) errno = (int)control->error;
    else done = real_open(path, flags, mode);
    const int error = errno;
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return done;
}

static mode_t mode_of(int flags, va_list rest) {
    return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
}

int open(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return open_file(path, flags, mode);
}
int open64(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return open_file(path, flags | O_LARGEFILE, mode);
}
