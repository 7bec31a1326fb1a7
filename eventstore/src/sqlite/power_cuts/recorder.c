/* Records what a process writes into the files of one folder, and what of it the process was promised to be on disk.
 *
 * Loaded before the C library (LD_PRELOAD). RECORDER_FOLDER names the folder, RECORDER_FILE the file that takes the record: for
 * each operation a line `operation name offset length`, and after a write its bytes. The operations are W (write), T (set the length),
 * S (sync), U (unlink), R (rename, followed by the new name); the name of the folder itself is a dot. A sync is recorded and not carried out: what a power cut
 * leaves is made of the record (disk.rs).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char folder[4096];
static size_t folder_length;
static int record = -1;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("RECORDER_FOLDER"), *file = getenv("RECORDER_FILE");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_rename = dlsym(RTLD_NEXT, "rename");
    if (name == NULL || file == NULL || realpath(name, folder) == NULL) return;
    folder_length = strlen(folder);
    record = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* What a path is called within the folder; none of any other file. */
static const char *within(const char *path) {
    if (record < 0 || strncmp(path, folder, folder_length) != 0) return NULL;
    if (path[folder_length] == '\0') return ".";
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

/* The same of an open file. */
static const char *name_of(int fd, char *path, size_t size) {
    char link[64];
    if (record < 0 || fd == record) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length <= 0) return NULL;
    path[length] = '\0';
    if ((size_t)length < folder_length) return NULL;
    /* What is written to a file that was unlinked is gone with it. */
    return strchr(path + folder_length, ' ') == NULL ? within(path) : NULL;
}

static void note(char operation, const char *name, off_t offset, const void *bytes, size_t length) {
    char line[4200];
    int head = snprintf(line, sizeof line, "%c %s %lld %zu\n", operation, name, (long long)offset, length);
    if (real_write(record, line, head) != head) abort();
    for (size_t done = 0; bytes != NULL && done < length;) {
        ssize_t written = real_write(record, (const char *)bytes + done, length - done);
        if (written <= 0) abort();
        done += written;
    }
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    if (name == NULL) return real_pwrite(fd, bytes, length, offset);
    pthread_mutex_lock(&turn);
    ssize_t written = real_pwrite(fd, bytes, length, offset);
    int error = errno;
    if (written > 0) note('W', name, offset, bytes, written);
    pthread_mutex_unlock(&turn);
    errno = error;
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }

ssize_t write(int fd, const void *bytes, size_t length) {
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    if (name == NULL) return real_write(fd, bytes, length);
    pthread_mutex_lock(&turn);
    struct stat now;
    off_t offset = lseek(fd, 0, SEEK_CUR);
    if ((fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &now) == 0) offset = now.st_size;
    ssize_t written = real_write(fd, bytes, length);
    int error = errno;
    if (written > 0) note('W', name, offset, bytes, written);
    pthread_mutex_unlock(&turn);
    errno = error;
    return written;
}

int ftruncate64(int fd, off_t length) {
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    if (name == NULL) return real_ftruncate(fd, length);
    pthread_mutex_lock(&turn);
    int done = real_ftruncate(fd, length);
    int error = errno;
    if (done == 0) note('T', name, length, NULL, 0);
    pthread_mutex_unlock(&turn);
    errno = error;
    return done;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int fsync(int fd) {
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    if (name == NULL) return real_fsync(fd);
    pthread_mutex_lock(&turn);
    note('S', name, 0, NULL, 0);
    pthread_mutex_unlock(&turn);
    return 0;
}

int fdatasync(int fd) { return fsync(fd); }

/* What a path names within the folder: the real name of its folder, and its own, since a link is not followed. */
static const char *named(const char *path, char *real) {
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", path);
    char *slash = strrchr(copy, '/');
    if (slash == NULL || slash == copy) return NULL;
    *slash = '\0';
    if (realpath(copy, real) == NULL || strlen(real) + strlen(slash + 1) + 2 >= 4096) return NULL;
    strcat(real, "/");
    strcat(real, slash + 1);
    return within(real);
}

int unlink(const char *path) {
    char real[4096];
    pthread_mutex_lock(&turn);
    const char *name = named(path, real);
    int done = real_unlink(path);
    int error = errno;
    if (done == 0 && name != NULL) note('U', name, 0, NULL, 0);
    pthread_mutex_unlock(&turn);
    errno = error;
    return done;
}

int rename(const char *from, const char *to) {
    char real[4096], other[4096];
    pthread_mutex_lock(&turn);
    const char *name = named(from, real), *new_name = named(to, other);
    int done = real_rename(from, to);
    int error = errno;
    if (done == 0 && name != NULL && new_name != NULL) note('R', name, 0, new_name, strlen(new_name));
    pthread_mutex_unlock(&turn);
    errno = error;
    return done;
}
