# The program of this case, as `gcc -nostdlib -static -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-N -s` makes it:
# a directory, a file in it and a link to that.
.globl _start
_start:
        mov $83, %eax           # mkdir("/made", 0777)
        lea made(%rip), %rdi
        mov $0777, %esi
        syscall
        mov $2, %eax            # open("/made/file", O_WRONLY|O_CREAT, 0666)
        lea file(%rip), %rdi
        mov $0101, %esi
        mov $0666, %edx
        syscall
        mov %eax, %edi
        mov $1, %eax            # write(fd, "made\n", 5)
        lea text(%rip), %rsi
        mov $5, %edx
        syscall
        mov $88, %eax           # symlink("file", "/made/link")
        lea name(%rip), %rdi
        lea link(%rip), %rsi
        syscall
        mov $60, %eax           # exit(0)
        xor %edi, %edi
        syscall
made:   .asciz "/made"
file:   .asciz "/made/file"
name:   .asciz "file"
link:   .asciz "/made/link"
text:   .ascii "made\n"
