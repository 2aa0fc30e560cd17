// Marks up its name.
package main

import "fmt"

func main() {
	fmt.Println(".TH md2man")
}
