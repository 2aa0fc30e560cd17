// A program of a tree without modules.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("testvol", os.Args[1:])
}
