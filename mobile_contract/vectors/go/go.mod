module ioc.hanoi.gov.vn/vectors

go 1.26
