module example.org/go-md2man

go 1.19
