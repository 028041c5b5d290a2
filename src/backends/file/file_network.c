/*
 * file_network.c - which file systems are not this machine's own.
 */
#include <sys/vfs.h>

#include "backends/file/file_dir.h"

bool jayi_file_is_network(int dir_fd) {
    /* Numbers of <linux/magic.h> and of file systems that are not listed there. */
    static const uint32_t magics[] = {
        0x6969u,     /* NFS */
        0x517bu,     /* SMB */
        0xff534d42u, /* CIFS */
        0xfe534d42u, /* SMB 2 and 3 */
        0x65735546u, /* FUSE */
        0x01021997u, /* 9p */
        0x00c36400u, /* Ceph */
        0x5346414fu, /* AFS */
        0x6b414653u, /* kAFS */
        0x73757245u, /* Coda */
        0x786f4256u, /* vboxsf */
        0x0bd00bd0u, /* Lustre */
        0x01161970u, /* GFS2 */
        0x7461636fu, /* OCFS2 */
        0x47504653u, /* GPFS */
    };
    struct statfs fs;
    if (fstatfs(dir_fd, &fs) != 0) return false;
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        if ((uint32_t)fs.f_type == magics[i]) return true;
    }
    return false;
}
