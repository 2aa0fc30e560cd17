A.b
