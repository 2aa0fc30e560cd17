/* Gives a file the capability to bind low ports, as setcap(8) does: the busybox base has nothing that can. */
#include <stdio.h>
#include <sys/xattr.h>

int main(int argc, char **argv)
{
    /* struct vfs_cap_data of version 2: effective, CAP_NET_BIND_SERVICE permitted. */
    static const unsigned char data[20] = {1, 0, 0, 2, 0, 4};
    for (int at = 1; at < argc; at++)
        if (setxattr(argv[at], "security.capability", data, sizeof data, 0) != 0) {
            perror(argv[at]);
            return 1;
        }
    return 0;
}
